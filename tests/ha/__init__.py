"""A highly available Airflow, on PostgreSQL with several triggerers, whose parts are killed while tasks wait."""
