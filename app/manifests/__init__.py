"""Kubernetes manifests as text, read with their positions: YAML or JSON, lists, files, folders, stdin.

Size, depth and aliases are limited, and each error names file, line and column.
"""
