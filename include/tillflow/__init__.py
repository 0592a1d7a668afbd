"""Tillflow: two sources of sales, one set of books, run by Apache Airflow."""
