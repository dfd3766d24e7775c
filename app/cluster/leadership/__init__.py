"""Which replica writes: a Lease, and a fence that is checked before every write.

A write leaves only while no other replica can have started, and no decision outlives its term: see
decision 025.
"""
