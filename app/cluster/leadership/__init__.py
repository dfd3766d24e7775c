"""Leader election: a Lease, and a fence that is checked before each write.

A write is sent only while no other replica can have started, and no decision outlives its term: see
decision 025.
"""
