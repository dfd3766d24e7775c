"""How full the cluster is, what is free, who waits, and why: counts over all devices, nodes, Pods and claims.

``Tallies`` follows the changes of the state, so that a new answer costs a count for each changed node.
Nothing here decides: the numbers are those of the lists of the API, added up.
"""
