"""ASGI middleware around every request: authentication, authorization, limits, browsers, metrics.

It runs before anything of a body is read, and denies every path that it does not know.
"""
