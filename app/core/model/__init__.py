"""Kubernetes objects as immutable values.

Everything here is data: frozen slotted dataclasses read from Kubernetes JSON of every served
version of resource.k8s.io. Reading costs O(size of the object). Nothing is written back from
these values: the API server's own JSON is patched, so fields unknown here survive.
"""
