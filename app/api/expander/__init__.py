"""Cluster Autoscaler's expander protocol: which group of nodes to grow. ``best_options`` answers it."""
