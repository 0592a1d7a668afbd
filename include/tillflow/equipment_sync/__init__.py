"""Dumps of vending machines: every vend becomes a sale, or an exception with all its reasons."""
