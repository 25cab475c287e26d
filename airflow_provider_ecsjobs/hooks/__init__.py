"""The hook, and the look-up of Airflow connections."""
