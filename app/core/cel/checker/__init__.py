"""From a syntax tree to a checked one: names resolved, overloads chosen, types inferred, as in cel-go.

Raises CelError with line and column for what cel-go refuses at compile time.
"""
