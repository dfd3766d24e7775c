"""Near misses: the smallest changes after which a Pod would fit.

The allocator confirms each change on a copy of the state. Work is bounded; webhooks
never compute them.
"""
