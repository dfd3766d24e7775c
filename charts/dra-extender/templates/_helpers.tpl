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

{{- define "dra-extender.selectorLabels" -}}
app.kubernetes.io/name: {{ include "dra-extender.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: extender
{{- end -}}

{{/* Without the component, which differs for the test's Pod. */}}
{{- define "dra-extender.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: dra-extender
{{- end -}}

{{- define "dra-extender.labels" -}}
{{ include "dra-extender.selectorLabels" . }}
{{ include "dra-extender.commonLabels" . }}
{{- end -}}

{{- define "dra-extender.testLabels" -}}
app.kubernetes.io/name: {{ include "dra-extender.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end -}}

{{- define "dra-extender.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "dra-extender.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Names of cluster-scoped objects. */}}
{{- define "dra-extender.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "dra-extender.fullname" .) -}}
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

{{/* The Secret with the server certificate; empty for plain HTTP. */}}
{{- define "dra-extender.tlsSecret" -}}
{{- if .Values.tls.secretName -}}
{{- .Values.tls.secretName -}}
{{- else if or .Values.tls.certManager.enabled .Values.tls.selfSigned.enabled -}}
{{- printf "%s-tls" (include "dra-extender.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- define "dra-extender.schedulerTLSSecret" -}}
{{- if .Values.tls.schedulerSecretName -}}
{{- .Values.tls.schedulerSecretName -}}
{{- else if or .Values.tls.certManager.enabled .Values.tls.selfSigned.enabled -}}
{{- printf "%s-scheduler-tls" (include "dra-extender.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- define "dra-extender.scheme" -}}
{{- if include "dra-extender.tlsSecret" . -}}https{{- else -}}http{{- end -}}
{{- end -}}

{{/* Values that leave the service open, or that lock everyone out. */}}
{{- define "dra-extender.checkTLS" -}}
{{- $tls := include "dra-extender.tlsSecret" . -}}
{{- if and (ne .Values.auth.mode "off") (not $tls) -}}
{{- fail (printf "auth.mode %s needs tls.secretName, tls.certManager.enabled or tls.selfSigned.enabled: tokens and certificates are not safe over plain HTTP" .Values.auth.mode) -}}
{{- end -}}
{{- if and (eq .Values.auth.mode "mtls") (not .Values.tls.mutual) -}}
{{- fail "auth.mode mtls needs tls.mutual: it uses the same client certificates" -}}
{{- end -}}
{{- if and .Values.tls.mutual (not $tls) -}}
{{- fail "tls.mutual needs tls.secretName, tls.certManager.enabled or tls.selfSigned.enabled" -}}
{{- end -}}
{{- if and .Values.tls.mutual .Values.scheduler.enabled (not (include "dra-extender.schedulerTLSSecret" .)) -}}
{{- fail "tls.mutual needs tls.schedulerSecretName: the client certificate of kube-scheduler" -}}
{{- end -}}
{{- if and .Values.tls.selfSigned.enabled (or .Values.tls.secretName .Values.tls.certManager.enabled) -}}
{{- fail "tls.selfSigned.enabled excludes tls.secretName and tls.certManager.enabled: only one of them can provide the certificate" -}}
{{- end -}}
{{- if and .Values.tls.certManager.enabled (not .Values.tls.certManager.issuerRef.name) -}}
{{- fail "tls.certManager.enabled needs tls.certManager.issuerRef.name" -}}
{{- end -}}
{{- end -}}

{{- define "dra-extender.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "dra-extender.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "dra-extender.container" -}}
name: extender
image: {{ include "dra-extender.image" (dict "image" .Values.image "default" .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
- serve
# All addresses: the kubelet's probes and the Service connect from outside the Pod.
- --host=0.0.0.0
- --auth={{ .Values.auth.mode }}
{{- if include "dra-extender.tlsSecret" . }}
- --tls-cert-file=/etc/dra-extender/tls/tls.crt
- --tls-key-file=/etc/dra-extender/tls/tls.key
{{- end }}
{{- if .Values.tls.mutual }}
- --client-ca-file=/etc/dra-extender/client-ca/ca.crt
{{- else if .Values.scheduler.enabled }}
# The kube-scheduler in this Pod.
- --webhooks-from=loopback
{{- end }}
{{- if not (and (include "dra-extender.tlsSecret" .) (ne .Values.auth.mode "off") (or .Values.tls.mutual .Values.scheduler.enabled)) }}
# Some callers are not authenticated: the NetworkPolicy keeps unknown clients out.
- --allow-insecure-listen
{{- end }}
- --port=8888
# The liveness probe: it is answered while the event loop is held, and fails if that takes too long.
- --probe-port=8889
# Only one replica may write. The Pods of a rollout overlap, so this is needed with one replica too.
- --leader-elect
- --leader-elect-name={{ include "dra-extender.fullname" . }}-leader
- --leader-elect-namespace={{ .Release.Namespace }}
- --candidates={{ int .Values.candidates }}
- {{ printf "--policy=%s" .Values.policy | quote }}
- --preemption={{ .Values.preemption }}
- {{ printf "--field-manager=%s" .Values.claims.fieldManager | quote }}
- --binding-timeout-seconds={{ .Values.claims.bindingTimeoutSeconds }}
- --bind-seconds={{ .Values.claims.bindSeconds }}
- --reconcile-grace-seconds={{ .Values.claims.reconcileGraceSeconds }}
- --reconcile-interval-seconds={{ .Values.claims.reconcileIntervalSeconds }}
{{- if .Values.tracing.endpoint }}
- {{ printf "--otlp-endpoint=%s" .Values.tracing.endpoint | quote }}
- --trace-ratio={{ .Values.tracing.ratio }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- if or .Values.extraEnv .Values.tls.clientNames (not .Values.scheduler.enabled) }}
env:
{{- if not .Values.scheduler.enabled }}
- name: DRA_LEADER_ELECT_SERVICE
  value: {{ include "dra-extender.fullname" . }}-leader
- name: DRA_LEADER_ELECT_ADDRESS
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- end }}
{{- with .Values.tls.clientNames }}
- name: DRA_WEBHOOK_CLIENT_NAMES
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
ports:
- name: http
  containerPort: 8888
- name: probe
  containerPort: 8889
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
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- include "dra-extender.containerSecurityContext" . | nindent 2 }}
volumeMounts:
- name: tmp
  mountPath: /tmp
{{- if include "dra-extender.tlsSecret" . }}
- name: tls
  mountPath: /etc/dra-extender/tls
  readOnly: true
{{- end }}
{{- if .Values.tls.mutual }}
- name: client-ca
  mountPath: /etc/dra-extender/client-ca
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Names under which callers reach the extender, for its certificate. */}}
{{- define "dra-extender.serverNames" -}}
{{- $name := include "dra-extender.fullname" . -}}
- {{ $name }}
- {{ $name }}.{{ .Release.Namespace }}
- {{ $name }}.{{ .Release.Namespace }}.svc
- {{ $name }}-leader.{{ .Release.Namespace }}.svc
- localhost
{{- end -}}
