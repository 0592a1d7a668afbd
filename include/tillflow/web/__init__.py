"""The operator's desk inside Airflow: REST and pages. Thin: it signs in, asks a use case, and answers."""
