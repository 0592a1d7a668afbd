"""Judging open exceptions again after portal data was fixed (domain 3.3)."""
