"""The embedded stack: PostgreSQL, mail sink and Airflow below one folder, for demo and tests."""
