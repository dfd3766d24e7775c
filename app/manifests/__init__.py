"""Kubernetes manifests as text, read with their positions: YAML or JSON, lists, files, folders, stdin.

Size, depth and aliases are bounded, and every error names file, line and column.
"""
