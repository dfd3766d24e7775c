"""Lists and watches: each event reaches one handler on the event loop, in order.

The view stays consistent after lost watches, expired versions and malformed objects. Only ``feed`` parses
objects of the cluster into the state.
"""
