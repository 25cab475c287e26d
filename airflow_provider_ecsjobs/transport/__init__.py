"""I/O without Airflow: the two drivers that run the flows of ``core``, and what both share.

It imports ``core`` only. Hooks and triggers import it inside functions, as ``requests`` and ``aiohttp`` load slowly.
"""
