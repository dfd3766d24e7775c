"""The values of CEL and their operations: equality, order, arithmetic, conversion, as in cel-go."""
