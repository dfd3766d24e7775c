"""Near misses: the smallest changes after which a Pod would fit.

Each is confirmed by the allocator with the change made, on a copy of the state. Work is bounded; webhooks
never compute them.
"""
