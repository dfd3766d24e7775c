"""Several Pods for users: one after another, all or none, what-if.

Works on a fork of the state; results are complete within stated limits, or say that they are not.
"""
