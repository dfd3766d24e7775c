"""Credentials for the API server, from kubeconfig or the Pod's service account.

Every error names the file and the field. Secrets are never an argument of a log call.
"""
