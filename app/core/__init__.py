"""Every decision of the program, pure: no await, clock, network, randomness or logging.

State comes in as arguments, results are returned as values. What may take long calls ``pauses.pause``.
"""
