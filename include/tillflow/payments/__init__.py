"""Payments: charged exactly once, retried on a schedule, settled from what the gateway says (domain 2.4)."""
