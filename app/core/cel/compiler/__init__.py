"""From text to a program: parse, check and plan.

The only package that imports all parts of CEL.
"""
