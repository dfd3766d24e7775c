"""Placing Pods: which claims a Pod has, which nodes it fits on, and what it would get there."""
