"""A kube-scheduler extender for Dynamic Resource Allocation.

``main`` puts the parts together; every other module is in a package. Imports between packages go down only;
import-linter's contracts in pyproject.toml name each of them.
"""
