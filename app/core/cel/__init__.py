"""The Common Expression Language in the structure of cel-go, with its results, errors and costs.

It knows nothing of devices, and imports nothing else of core. ``app.core.selectors`` applies it to devices.
"""
