"""Requests to the API server: JSON objects in and out as plain dictionaries.

Errors distinguish requests that were certainly not sent, may have been executed, or were refused. Tests
substitute the httpx transport.
"""
