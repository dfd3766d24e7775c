"""Comprehensions as generated Python loops: value, failure and cost are those of the interpreter.

Generated source contains no text of the user. See decision 005.
"""
