"""A real Airflow for tests and for the demo: scheduler, triggerer, DAG processor and API server."""
