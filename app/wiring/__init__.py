"""Wires the parts: which controllers run, under which leadership, with which metrics.

Nothing here decides; a part gets everything it needs when it is constructed.
"""
