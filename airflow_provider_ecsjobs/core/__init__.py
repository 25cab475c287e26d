"""The pure part: what is asked, what an answer means, when to ask again. No I/O, no clock, no Airflow, no HTTP library.

All other packages may import it; it imports none of them.
"""
