"""The settings of the service, one module for each topic; units are in the names.

Flags override the environment, which overrides the file. An unknown name or a bad value is an error
that names its source.
"""
