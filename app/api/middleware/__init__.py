"""ASGI middleware around every request: authentication, authorization, limits, browsers, metrics.

It runs before a body is read, and denies every unknown path.
"""
