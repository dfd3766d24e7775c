"""The HTTP interface of the service: webhooks, /api/v1, health, metrics and the page's files.

This layer decodes requests, calls ``app.core`` and ``app.cluster``, and encodes responses. It decides nothing
about devices. Every error is ``{"error": {"code", "message", "path"}}``; bad input is never a 5xx.
"""
