"""The cluster as this process knows it: nodes, pools, claims, what is assumed, and the log of changes.

One writer on the event loop, no locks. A fork is a copy of a few dictionaries. Every change of what a search
can read is in ``changes``.
"""
