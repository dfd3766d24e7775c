"""Evaluates a checked tree with cel-go's results, errors and runtime costs.

Exceeding the cost limit is an error. Costs are charged before the work is done.
"""
