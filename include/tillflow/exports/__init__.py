"""Files for people and for other programs."""
