"""Sharing one event loop: work in slices, budgets, and a monitor of delays."""
