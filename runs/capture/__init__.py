"""Capture: what agents' hooks tell, kept as it comes and then worked into runs."""
