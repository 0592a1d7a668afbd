"""Files as they arrive: read, sanitised, archived, gated by Great Expectations, balanced."""
