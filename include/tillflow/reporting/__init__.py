"""What Tillflow tells people about its work: the daily status report and the report of one import."""
