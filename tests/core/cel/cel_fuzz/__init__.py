"""Differential fuzz of CEL against cel-go."""
