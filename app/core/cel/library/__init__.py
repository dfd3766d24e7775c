"""The functions of the environment, by overload, with their runtime costs.

A function is pure, and is called with arguments of its declared types only.
"""
