"""The settings of the service, one module for each topic; units are in the names.

A flag wins over the environment, the environment over the file. An unknown name or a bad value is an error
that names its source.
"""
