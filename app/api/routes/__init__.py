"""The endpoints of /api/v1 and the probes, one module for each.

A route reads its parameters, calls core and returns a model of ``app.api.models``. Routes do not import each
other or the webhooks.
"""
