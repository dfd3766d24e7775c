"""Sharing one event loop: work in slices, budgets, and who watches that nobody holds it."""
