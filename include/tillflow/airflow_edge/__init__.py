"""Where Tillflow touches Airflow: connections, defaults, mail transport, alerts."""
