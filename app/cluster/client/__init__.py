"""Requests to the API server: JSON objects in and out as plain dictionaries.

Errors say what a caller can do: whether a request was certainly not sent, may have been carried out, or was
refused. Tests substitute the httpx transport.
"""
