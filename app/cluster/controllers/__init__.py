"""Work beside the webhooks, on the leader only: requeueing, repairs, deallocation, preemption.

A controller never writes a claim that a bind in progress is working on: both take the lock of the claim.
"""
