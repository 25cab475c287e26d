"""A real Airflow 2.11: scheduler and triggerer, without a web server."""
