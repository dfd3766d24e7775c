"""The OpenAPI document: what routes and models say, completed with errors, security and examples.

Client generators take it whole. ``document`` builds OpenAPI 3.1, ``version_30`` converts it to 3.0.
"""
