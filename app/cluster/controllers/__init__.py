"""Background work on the leader: requeueing, repairs, deallocation, preemption.

A controller never writes a claim during a bind that uses it: both take the lock of the claim.
"""
