"""What an API server refuses before it stores an object: unknown fields, and values that are not valid.

From the objects as JSON, so that a message can name the field. The command line and dry runs share it.
"""
