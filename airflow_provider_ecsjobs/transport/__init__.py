"""I/O without Airflow: the two drivers that run the flows of ``core``, and what both share.

It imports ``core`` only. What loads ``requests`` or ``aiohttp`` is imported inside functions, as both load slowly.
"""
