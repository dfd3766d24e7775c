"""Communication with the API server: reads the cluster into the state, and writes the decisions of core.

It decides nothing about devices and knows nothing of the HTTP service. Every write carries the
resourceVersion that its decision was based on, and passes the fence. See docs/cluster.md.
"""
