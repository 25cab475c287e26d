"""The hook, and the look-up of Airflow connections. Imports ``core``, ``transport``, ``outcomes`` and ``metrics``."""
