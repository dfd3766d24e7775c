"""Bind: devices are assumed before the first await, then claims and the Pod are written, or undone.

After an error nothing is left behind whose outcome is known; while it is unknown, the devices stay assumed.
"""
