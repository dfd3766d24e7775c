"""Bind: assumes devices before the first await, then writes claims and the Pod, or undoes the writes.

After an error with a known outcome nothing remains; while the outcome is unknown, the devices stay
assumed.
"""
