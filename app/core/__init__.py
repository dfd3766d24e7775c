"""The pure half of the program: no await, clock, network, randomness or logging.

State comes in as arguments, results go out as values. import-linter holds the layers:
model < cel < state < allocator < scoring, explain < placement.
"""
