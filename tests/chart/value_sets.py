"""Values of the chart that differ in what they switch on."""

from typing import Any

VALUE_SETS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "extender-alone": {"scheduler": {"enabled": False}},
    "three-replicas": {"replicas": 3},
    "stopped": {"replicas": 0},
    "own-account": {"serviceAccount": {"create": False, "name": "mine"}, "rbac": {"create": False}},
    "account-with-annotations": {"serviceAccount": {"name": "named", "annotations": {"example.com/r": "r"}}},
    "renamed": {"fullnameOverride": "devices", "nameOverride": "dra"},
    "longest-name": {"fullnameOverride": "n" * 52},
    "pinned-images": {
        "image": {"repository": "registry.example/dra-extender", "digest": "sha256:" + "a" * 64},
        "scheduler": {"image": {"tag": "v1.36.0"}},
        "imagePullSecrets": [{"name": "registry"}],
    },
    "overview": {
        "overview": {
            "clusterName": "cats",
            "attribute": "product",
            "labels": ["pool", "zone"],
            "historyVolume": {"persistentVolumeClaim": {"claimName": "overview"}},
            "prometheusURL": "http://prometheus.monitoring.svc:9090",
            "prometheusSelector": 'job="dra-extender"',
        },
        "metrics": {"groups": ["label"], "values": 10},
    },
    "prometheus-with-a-token": {
        "overview": {
            "prometheusURL": "https://thanos-querier.openshift-monitoring.svc:9091",
            "prometheusCredentials": {
                "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]},
            },
            "prometheusCA": {
                "configMap": {
                    "name": "openshift-service-ca.crt",
                    "items": [{"key": "service-ca.crt", "path": "ca.crt"}],
                }
            },
        },
    },
    "everything-extra": {
        "extraArgs": ["--config=/etc/dra/config.yaml"],
        "extraEnv": [{"name": "DRA_LOG_FORMAT", "value": "json"}],
        "extraVolumes": [{"name": "extra", "configMap": {"name": "dra", "optional": True}}],
        "extraVolumeMounts": [{"name": "extra", "mountPath": "/etc/dra"}],
        "podAnnotations": {"example.com/a": "b"},
        "podLabels": {"example.com/team": "cats"},
        "nodeSelector": {"node-role.kubernetes.io/control-plane": ""},
        "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": "release"}},
            }
        ],
        "service": {"type": "NodePort", "port": 80, "annotations": {"example.com/a": "b"}},
        "scheduler": {
            "schedulerName": "cats",
            "weight": 9,
            "httpTimeout": "1m30s",
            "qps": 12.5,
            "extraArgs": ["--profiling=false"],
        },
    },
    "expander": {
        "expander": {"enabled": True, "prices": {"pool-a": 2.5, "g2-standard-4": 1}},
        "networkPolicy": {
            "expanderFrom": [
                {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "cluster-autoscaler"}}}
            ]
        },
    },
    "monitored": {
        "networkPolicy": {
            "ingressFrom": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
            ]
        }
    },
    "tls-and-tokens": {"tls": {"secretName": "served"}, "auth": {"mode": "token"}},
    "mutual-tls": {
        "tls": {"secretName": "served", "mutual": True, "schedulerSecretName": "shown", "clientNames": ["a"]},
        "auth": {"mode": "mtls"},
    },
    "mutual-tls-by-cert-manager": {
        "tls": {"certManager": {"enabled": True, "issuerRef": {"name": "ca"}}, "mutual": True}
    },
    "mutual-tls-alone": {
        "scheduler": {"enabled": False},
        "tls": {"secretName": "served", "mutual": True, "clientCASecretName": "authority"},
        "auth": {"mode": "token"},
    },
    "own-certificates": {"tls": {"selfSigned": {"enabled": True}, "mutual": True}, "replicas": 2},
    "own-certificates-alone": {"tls": {"selfSigned": {"enabled": True}}, "scheduler": {"enabled": False}},
    "watched": {
        "tls": {"secretName": "served"},
        "auth": {"mode": "token"},
        "monitoring": {
            "serviceMonitor": {
                "enabled": True,
                "labels": {"release": "prometheus"},
                "authorization": {"credentials": {"name": "metrics", "key": "token"}},
            },
            "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboard": {"enabled": True},
        },
    },
    "protecting": {"claimProtection": {"enabled": True}},
    "evicting": {"preemption": "evict", "replicas": 2},
    "traced": {
        "tracing": {"endpoint": "http://collector.tracing:4318", "ratio": 0.1},
        "extraEnv": [
            {
                "name": "OTEL_EXPORTER_OTLP_HEADERS",
                "valueFrom": {"secretKeyRef": {"name": "collector", "key": "headers"}},
            }
        ],
    },
    "separate": {"roles": {"separate": True}},
    "separate-replicas": {
        "roles": {"separate": True},
        "replicas": 2,
        "answers": {"replicas": 3},
        "preemption": "evict",
        "networkPolicy": {
            "answersFrom": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
            ]
        },
    },
    "separate-alone": {
        "roles": {"separate": True},
        "scheduler": {"enabled": False},
        "tls": {"secretName": "served", "mutual": True, "answersSecretName": "shown-to-people"},
        "auth": {"mode": "mtls"},
    },
    "separate-by-cert-manager": {
        "roles": {"separate": True},
        "tls": {"certManager": {"enabled": True, "issuerRef": {"name": "ca"}}},
    },
    "separate-own-accounts": {
        "roles": {"separate": True},
        "serviceAccount": {"create": False, "name": "mine"},
        "answers": {"serviceAccountName": "of-answers"},
        "scheduler": {"serviceAccountName": "of-scheduler"},
    },
    "public": {
        "roles": {"separate": True},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "hosts": ["devices.example"],
            "annotations": {"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"},
            "tls": [{"secretName": "devices", "hosts": ["devices.example"]}],
        },
        "httpRoute": {
            "enabled": True,
            "parentRefs": [{"name": "gateway", "namespace": "gateways"}],
            "hostnames": ["devices.example"],
        },
    },
    "tuned": {
        "kubernetesVersion": "1.36",
        "features": {"PartitionableDevices": False, "AdminAccess": True},
        "dryRuns": {"concurrent": 8, "timeoutSeconds": 30, "pods": 500},
        "logging": {"format": "text", "verbosity": 2},
        "commonLabels": {"example.com/team": "cats"},
        "commonAnnotations": {"example.com/contact": "cats@example.com"},
        "podAnnotations": {"example.com/a": "b"},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
    },
    "open": {
        "allowInsecureListen": True,
        "auth": {"mode": "off"},
        "tls": {"selfSigned": {"enabled": False}},
    },
    "open-network": {"networkPolicy": {"enabled": False}, "podDisruptionBudget": {"enabled": False}},
}
