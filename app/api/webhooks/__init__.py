"""The webhooks of kube-scheduler: filter, prioritize, bind.

They respond within kube-scheduler's timeout, or report that they could not. Only ``wire`` contains the Go
field names of k8s.io/kube-scheduler/extender/v1.
"""
