"""Lists and watches: each event reaches one handler on the event loop, in order.

A consistent view survives lost watches, expired versions and broken objects; ``feed`` is the only place that
parses objects of the cluster into the state.
"""
