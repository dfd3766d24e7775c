"""Snapshots without names, for bug reports: the same verdicts, and nothing that identifies the cluster.

Only fields that decisions read are copied. Drivers, attributes, capacities, counters, resource names and
CEL stay: they describe the hardware.
"""
