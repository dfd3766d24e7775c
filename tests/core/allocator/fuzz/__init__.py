"""Differential fuzzing of the allocator: generator, oracle, checks, minimiser. ``make fuzz`` runs it."""
