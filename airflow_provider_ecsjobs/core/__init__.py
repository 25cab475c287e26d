"""The pure part: requests, the meaning of responses, and the timing of polls. No I/O, clock, Airflow or HTTP library.

All other packages may import it; it imports none of them.
"""
