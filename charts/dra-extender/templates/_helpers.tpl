{{- define "dra-extender.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* 52 characters leave room for the suffixes that are added to it. */}}
{{- define "dra-extender.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "dra-extender.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Call with a dict of root and component: extender, answers, scheduler or test. */}}
{{- define "dra-extender.selectorLabelsOf" -}}
app.kubernetes.io/name: {{ include "dra-extender.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "dra-extender.selectorLabels" -}}
{{- include "dra-extender.selectorLabelsOf" (dict "root" . "component" "extender") -}}
{{- end -}}

{{/* Without the component, which differs for the test's Pod. */}}
{{- define "dra-extender.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: dra-extender
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "dra-extender.labels" -}}
{{ include "dra-extender.selectorLabels" . }}
{{ include "dra-extender.commonLabels" . }}
{{- end -}}

{{- define "dra-extender.labelsOf" -}}
{{ include "dra-extender.selectorLabelsOf" . }}
{{ include "dra-extender.commonLabels" .root }}
{{- end -}}

{{- define "dra-extender.testLabels" -}}
{{- include "dra-extender.selectorLabelsOf" (dict "root" . "component" "test") -}}
{{- end -}}

{{/* The field annotations of metadata. Call with a dict of root, and of annotations that come in addition. */}}
{{- define "dra-extender.annotations" -}}
{{- with merge (dict) (.more | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* kube-scheduler runs in the Pod of the extender: not empty if so. */}}
{{- define "dra-extender.sidecar" -}}
{{- if and .Values.scheduler.enabled (not .Values.roles.separate) -}}true{{- end -}}
{{- end -}}

{{- define "dra-extender.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "dra-extender.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Of the Deployment of the answers, which only reads. */}}
{{- define "dra-extender.answersAccountName" -}}
{{- coalesce .Values.answers.serviceAccountName (ternary (printf "%s-answers" (include "dra-extender.fullname" .)) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* Of kube-scheduler: that of the Pod, if it is in the Pod of the extender. */}}
{{- define "dra-extender.schedulerAccountName" -}}
{{- if include "dra-extender.sidecar" . -}}
{{- include "dra-extender.serviceAccountName" . -}}
{{- else -}}
{{- coalesce .Values.scheduler.serviceAccountName (ternary (printf "%s-scheduler" (include "dra-extender.fullname" .)) "default" .Values.serviceAccount.create) -}}
{{- end -}}
{{- end -}}

{{/* Paths for people: what ingress and HTTPRoute expose. */}}
{{- define "dra-extender.publicPaths" -}}
- {path: /, type: Exact}
- {path: /web, type: Prefix}
- {path: /docs, type: Exact}
- {path: /openapi.json, type: Exact}
- {path: /api/v1, type: Prefix}
{{- end -}}

{{/* Names of cluster-scoped objects. */}}
{{- define "dra-extender.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "dra-extender.fullname" .) -}}
{{- end -}}

{{/* The same for kinds whose names are DNS subdomains. */}}
{{- define "dra-extender.policyName" -}}
{{- printf "%s.%s.dra-extender" (include "dra-extender.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* Claims get their finalizer when they are created: not empty if so. The API is on by default since 1.36. */}}
{{- define "dra-extender.protectsClaims" -}}
{{- if and .Values.claimProtection.enabled (semverCompare ">=1.36-0" .Capabilities.KubeVersion.Version) -}}true{{- end -}}
{{- end -}}

{{/* Call with a dict of image (repository, tag, digest) and default (the tag if none is given). */}}
{{- define "dra-extender.image" -}}
{{- $tag := .image.tag | default .default -}}
{{- if .image.digest -}}
{{- printf "%s:%s@%s" .image.repository $tag .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository $tag -}}
{{- end -}}
{{- end -}}

{{/* v1.37.2 of v1.37.2-gke.100. */}}
{{- define "dra-extender.clusterVersion" -}}
{{- $version := semver .Capabilities.KubeVersion.Version -}}
{{- printf "v%d.%d.%d" $version.Major $version.Minor $version.Patch -}}
{{- end -}}

{{/* The chart creates the certificates itself: not empty if so. */}}
{{- define "dra-extender.selfSigned" -}}
{{- $given := or .Values.tls.secretName .Values.tls.certManager.enabled -}}
{{- if eq (toString .Values.tls.selfSigned.enabled) "auto" -}}
{{- if not $given -}}true{{- end -}}
{{- else if .Values.tls.selfSigned.enabled -}}true{{- end -}}
{{- end -}}

{{/* The webhooks require a client certificate: not empty if so. */}}
{{- define "dra-extender.mutual" -}}
{{- $tls := .Values.tls -}}
{{- if eq (toString $tls.mutual) "auto" -}}
{{- if or (include "dra-extender.selfSigned" .) $tls.certManager.enabled $tls.schedulerSecretName $tls.clientCASecretName -}}true{{- end -}}
{{- else if $tls.mutual -}}true{{- end -}}
{{- end -}}

{{/* Certificates come from Helm or cert-manager: not empty if so. */}}
{{- define "dra-extender.createsTLS" -}}
{{- if or (include "dra-extender.selfSigned" .) .Values.tls.certManager.enabled -}}true{{- end -}}
{{- end -}}

{{/* The Secret with the server certificate; empty for plain HTTP. */}}
{{- define "dra-extender.tlsSecret" -}}
{{- if .Values.tls.secretName -}}
{{- .Values.tls.secretName -}}
{{- else if include "dra-extender.createsTLS" . -}}
{{- printf "%s-tls" (include "dra-extender.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* That of the Deployment of the answers: with the key of the webhooks it could pose as them. */}}
{{- define "dra-extender.answersTLSSecret" -}}
{{- if not .Values.roles.separate -}}
{{- include "dra-extender.tlsSecret" . -}}
{{- else if .Values.tls.answersSecretName -}}
{{- .Values.tls.answersSecretName -}}
{{- else if include "dra-extender.createsTLS" . -}}
{{- printf "%s-answers-tls" (include "dra-extender.fullname" .) -}}
{{- else -}}
{{- include "dra-extender.tlsSecret" . -}}
{{- end -}}
{{- end -}}

{{- define "dra-extender.schedulerTLSSecret" -}}
{{- if .Values.tls.schedulerSecretName -}}
{{- .Values.tls.schedulerSecretName -}}
{{- else if include "dra-extender.createsTLS" . -}}
{{- printf "%s-scheduler-tls" (include "dra-extender.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- define "dra-extender.scheme" -}}
{{- if include "dra-extender.tlsSecret" . -}}https{{- else -}}http{{- end -}}
{{- end -}}

{{/* Why strangers could use the service; empty if they cannot. */}}
{{- define "dra-extender.open" -}}
{{- if not (include "dra-extender.tlsSecret" .) -}}
tls.selfSigned.enabled is false, and neither tls.secretName nor tls.certManager.enabled is set: plain HTTP
{{- else if eq .Values.auth.mode "off" -}}
auth.mode is off: the inventory is open to every client that reaches the Pods
{{- else if not (or (include "dra-extender.mutual" .) (include "dra-extender.sidecar" .)) -}}
tls.mutual is not on: every client that reaches the Pods could bind Pods
{{- end -}}
{{- end -}}

{{/* Values with which the extender would not start, or would send credentials in the clear. */}}
{{- define "dra-extender.checkPrometheus" -}}
{{- with .Values.overview -}}
{{- if and .prometheusCredentials (not (hasPrefix "https://" .prometheusURL)) -}}
{{- fail "overview.prometheusCredentials needs an overview.prometheusURL with https" -}}
{{- end -}}
{{- if and .prometheusUsername (not .prometheusCredentials) -}}
{{- fail "overview.prometheusUsername needs overview.prometheusCredentials with the file password" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Values that leave the service open, or that lock everyone out. */}}
{{- define "dra-extender.checkTLS" -}}
{{- $tls := include "dra-extender.tlsSecret" . -}}
{{- $mutual := include "dra-extender.mutual" . -}}
{{- if and (ne .Values.auth.mode "off") (not $tls) -}}
{{- fail (printf "auth.mode %s needs tls.secretName, tls.certManager.enabled or tls.selfSigned.enabled: tokens and certificates are not safe over plain HTTP" .Values.auth.mode) -}}
{{- end -}}
{{- if and (eq .Values.auth.mode "mtls") (not $mutual) -}}
{{- fail "auth.mode mtls needs tls.mutual: it uses the same client certificates" -}}
{{- end -}}
{{- if and $mutual (not $tls) -}}
{{- fail "tls.mutual needs tls.secretName, tls.certManager.enabled or tls.selfSigned.enabled" -}}
{{- end -}}
{{- if and .Values.roles.separate (not $mutual) -}}
{{- fail "roles.separate needs tls.mutual: kube-scheduler calls the extender over the network" -}}
{{- end -}}
{{- if and $mutual .Values.scheduler.enabled (not (include "dra-extender.schedulerTLSSecret" .)) -}}
{{- fail "tls.mutual needs tls.schedulerSecretName: the client certificate of kube-scheduler" -}}
{{- end -}}
{{- if and (include "dra-extender.selfSigned" .) (or .Values.tls.secretName .Values.tls.certManager.enabled) -}}
{{- fail "tls.selfSigned.enabled excludes tls.secretName and tls.certManager.enabled: only one of them can provide the certificate" -}}
{{- end -}}
{{- if and .Values.tls.certManager.enabled (not .Values.tls.certManager.issuerRef.name) -}}
{{- fail "tls.certManager.enabled needs tls.certManager.issuerRef.name" -}}
{{- end -}}
{{- if and .Values.expander.enabled (not $tls) -}}
{{- fail "expander.enabled needs tls.secretName, tls.certManager.enabled or tls.selfSigned.enabled: Cluster Autoscaler calls over TLS" -}}
{{- end -}}
{{- $open := include "dra-extender.open" . -}}
{{- if and $open (not .Values.allowInsecureListen) -}}
{{- fail (printf "%s. A NetworkPolicy protects only where the network plugin enforces it. Set allowInsecureListen to true if something else keeps others out" $open) -}}
{{- end -}}
{{- end -}}

{{- define "dra-extender.containerSecurityContext" -}}
{{- toYaml .Values.securityContext -}}
{{- end -}}

{{/* OpenShift assigns IDs from a range of the namespace, and refuses others. */}}
{{- define "dra-extender.podSecurityContext" -}}
{{- $context := .Values.podSecurityContext -}}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" -}}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" -}}
{{- end -}}
{{- toYaml $context -}}
{{- end -}}

{{/* Call with a dict of root and role: all, webhooks or api. */}}
{{- define "dra-extender.container" -}}
{{- $role := .role -}}
{{- $decides := ne $role "api" -}}
{{- with .root -}}
{{- $tls := ternary (include "dra-extender.tlsSecret" .) (include "dra-extender.answersTLSSecret" .) $decides -}}
{{- $mutual := and (include "dra-extender.mutual" .) (or $decides (eq .Values.auth.mode "mtls")) -}}
{{- $expander := and .Values.expander.enabled (ne $role "webhooks") -}}
name: extender
image: {{ include "dra-extender.image" (dict "image" .Values.image "default" .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
- serve
# All addresses: the kubelet's probes and the Service connect from outside the Pod.
- --host=0.0.0.0
{{- if ne $role "all" }}
- --roles={{ $role }}
{{- end }}
- --auth={{ .Values.auth.mode }}
{{- if $tls }}
- --tls-cert-file=/etc/dra-extender/tls/tls.crt
- --tls-key-file=/etc/dra-extender/tls/tls.key
{{- end }}
{{- if $mutual }}
- --client-ca-file=/etc/dra-extender/client-ca/ca.crt
{{- else if and $decides (include "dra-extender.sidecar" .) }}
# The kube-scheduler in this Pod.
- --webhooks-from=loopback
{{- end }}
{{- if include "dra-extender.open" . }}
# Some callers are not authenticated: something else keeps unknown clients out.
- --allow-insecure-listen
{{- end }}
- --port=8888
# The liveness probe: it is answered while the event loop is held, and fails if that takes too long.
- --probe-port=8889
{{- if $expander }}
- --expander-port=8890
{{- end }}
{{- if $decides }}
# Only one replica may write. The Pods of a rollout overlap, so this is needed with one replica too.
- --leader-elect
- --leader-elect-name={{ include "dra-extender.fullname" . }}-leader
- --leader-elect-namespace={{ .Release.Namespace }}
- --candidates={{ if eq (toString .Values.candidates) "auto" }}auto{{ else }}{{ int .Values.candidates }}{{ end }}
- {{ printf "--field-manager=%s" .Values.claims.fieldManager | quote }}
- --binding-timeout-seconds={{ .Values.claims.bindingTimeoutSeconds }}
- --bind-seconds={{ .Values.claims.bindSeconds }}
- --reconcile-grace-seconds={{ .Values.claims.reconcileGraceSeconds }}
- --reconcile-interval-seconds={{ .Values.claims.reconcileIntervalSeconds }}
{{- end }}
- {{ printf "--policy=%s" .Values.policy | quote }}
- --preemption={{ .Values.preemption }}
- --log-format={{ .Values.logging.format }}
- --verbosity={{ .Values.logging.verbosity }}
{{- with .Values.kubernetesVersion }}
- {{ printf "--kubernetes-version=%s" . | quote }}
{{- end }}
{{- range $name, $on := .Values.features }}
- --feature={{ $name }}={{ $on }}
{{- end }}
{{- if .Values.tracing.endpoint }}
- {{ printf "--otlp-endpoint=%s" .Values.tracing.endpoint | quote }}
- --trace-ratio={{ .Values.tracing.ratio }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
env:
- name: DRA_DRY_RUNS
  value: {{ .Values.dryRuns.concurrent | quote }}
- name: DRA_DRY_RUN_TIMEOUT_SECONDS
  value: {{ .Values.dryRuns.timeoutSeconds | quote }}
- name: DRA_DRY_RUN_PODS
  value: {{ .Values.dryRuns.pods | int | quote }}
{{- if and $decides (not (include "dra-extender.sidecar" .)) }}
- name: DRA_LEADER_ELECT_SERVICE
  value: {{ include "dra-extender.fullname" . }}-leader
- name: DRA_LEADER_ELECT_ADDRESS
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- end }}
{{- if and $expander .Values.expander.prices }}
{{- $prices := list }}
{{- range $group, $price := .Values.expander.prices }}
{{- $prices = append $prices (printf "%s=%v" $group $price) }}
{{- end }}
- name: DRA_EXPANDER_PRICES
  value: {{ join "," $prices | quote }}
{{- end }}
{{- if $decides }}
{{- with .Values.tls.clientNames }}
- name: DRA_WEBHOOK_CLIENT_NAMES
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}
{{- with .Values.overview.clusterName }}
- name: DRA_CLUSTER_NAME
  value: {{ . | quote }}
{{- end }}
{{- with .Values.overview.attribute }}
- name: DRA_OVERVIEW_ATTRIBUTE
  value: {{ . | quote }}
{{- end }}
{{- with .Values.overview.labels }}
- name: DRA_OVERVIEW_LABELS
  value: {{ join "," . | quote }}
{{- end }}
{{- if .Values.overview.historyVolume }}
- name: DRA_OVERVIEW_HISTORY_FILE
  value: /var/lib/dra-extender/overview.jsonl
{{- end }}
{{- with .Values.overview.prometheusURL }}
- name: DRA_OVERVIEW_PROMETHEUS_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.overview.prometheusSelector }}
- name: DRA_OVERVIEW_PROMETHEUS_SELECTOR
  value: {{ . | quote }}
{{- end }}
{{- if .Values.overview.prometheusCredentials }}
{{- with .Values.overview.prometheusUsername }}
- name: DRA_OVERVIEW_PROMETHEUS_USERNAME
  value: {{ . | quote }}
- name: DRA_OVERVIEW_PROMETHEUS_PASSWORD_FILE
  value: /etc/dra-extender/prometheus/password
{{- else }}
- name: DRA_OVERVIEW_PROMETHEUS_TOKEN_FILE
  value: /etc/dra-extender/prometheus/token
{{- end }}
{{- end }}
{{- if .Values.overview.prometheusCA }}
- name: DRA_OVERVIEW_PROMETHEUS_CA_FILE
  value: /etc/dra-extender/prometheus-ca/ca.crt
{{- end }}
- name: DRA_METRICS_GROUPS
  value: {{ join "," .Values.metrics.groups | quote }}
- name: DRA_METRICS_VALUES
  value: {{ .Values.metrics.values | int | quote }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
ports:
- name: http
  containerPort: 8888
- name: probe
  containerPort: 8889
{{- if $expander }}
- name: expander
  containerPort: 8890
{{- end }}
livenessProbe:
  httpGet:
    path: /livez
    port: probe
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
# A follower is ready too: rollouts and drains wait for readiness, and it can answer dry runs.
readinessProbe:
  httpGet:
    path: /readyz?exclude=leader
    port: http
    scheme: {{ include "dra-extender.scheme" . | upper }}
  periodSeconds: 5
  timeoutSeconds: 5
# The initial list of a large cluster takes some time.
startupProbe:
  httpGet:
    path: /readyz?exclude=leader
    port: http
    scheme: {{ include "dra-extender.scheme" . | upper }}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 150
resources:
  {{- toYaml (ternary .Values.resources .Values.answers.resources $decides) | nindent 2 }}
securityContext:
  {{- include "dra-extender.containerSecurityContext" . | nindent 2 }}
volumeMounts:
- name: tmp
  mountPath: /tmp
{{- if .Values.overview.historyVolume }}
- name: overview
  mountPath: /var/lib/dra-extender
{{- end }}
{{- if .Values.overview.prometheusCredentials }}
- name: prometheus
  mountPath: /etc/dra-extender/prometheus
  readOnly: true
{{- end }}
{{- if .Values.overview.prometheusCA }}
- name: prometheus-ca
  mountPath: /etc/dra-extender/prometheus-ca
  readOnly: true
{{- end }}
{{- if $tls }}
- name: tls
  mountPath: /etc/dra-extender/tls
  readOnly: true
{{- end }}
{{- if $mutual }}
- name: client-ca
  mountPath: /etc/dra-extender/client-ca
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Names under which people and Prometheus reach the extender, for its certificate. */}}
{{- define "dra-extender.answersNames" -}}
{{- $name := include "dra-extender.fullname" . -}}
- {{ $name }}
- {{ $name }}.{{ .Release.Namespace }}
- {{ $name }}.{{ .Release.Namespace }}.svc
- localhost
{{- end -}}

{{/* These, and the name that kube-scheduler calls: only what decides has a certificate for it. */}}
{{- define "dra-extender.serverNames" -}}
{{ include "dra-extender.answersNames" . }}
- {{ include "dra-extender.fullname" . }}-leader.{{ .Release.Namespace }}.svc
{{- end -}}

{{/*
The rules whose resources exist in this version of Kubernetes or the next one, so that the control plane can be
upgraded before the release. Call with a dict of root and rules.
*/}}
{{- define "dra-extender.servedRules" -}}
{{- $since := dict "resourceclaims/binding" 36 "podgroups" 35 -}}
{{- $minor := int (semver .root.Capabilities.KubeVersion.Version).Minor -}}
{{- $kept := list -}}
{{- range .rules -}}
{{- $resources := list -}}
{{- range .resources -}}
{{- if le (int (get $since . | default 0)) (add1 $minor | int) -}}
{{- $resources = append $resources . -}}
{{- end -}}
{{- end -}}
{{- if .nonResourceURLs -}}
{{- $kept = append $kept . -}}
{{- else if $resources -}}
{{- $kept = append $kept (merge (dict "resources" $resources) .) -}}
{{- end -}}
{{- end -}}
{{- toYaml $kept -}}
{{- end -}}
