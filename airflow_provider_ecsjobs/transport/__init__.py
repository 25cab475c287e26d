"""I/O without Airflow: the two drivers that carry out the flows of ``core``, and what they share.

It imports ``core`` only. Hooks and triggers import it inside functions, where ``requests`` and ``aiohttp`` are dear.
"""
