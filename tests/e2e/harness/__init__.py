"""A real control plane for the tests: etcd and Kubernetes' own programs as processes on loopback.

There is no kubelet and no device driver: the tests make nodes and slices, and `kubelet` plays the
kubelet's part.
"""
