"""The hook, and the lookup of Airflow connections. Imports ``core``, ``transport``, ``outcomes`` and ``metrics``."""
