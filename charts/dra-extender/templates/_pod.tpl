{{/* The fields of a Deployment's spec before its template. Call with a dict of root, component and replicas. */}}
{{- define "dra-extender.deploymentSpec" -}}
replicas: {{ .replicas }}
{{- with .root.Values.updateStrategy }}
strategy:
  {{- toYaml . | nindent 2 }}
{{- end }}
selector:
  matchLabels:
    {{- include "dra-extender.selectorLabelsOf" . | nindent 4 }}
{{- end -}}

{{/* Labels and annotations of a Pod template. Call with a dict of root, component, and more annotations. */}}
{{- define "dra-extender.podMetadata" -}}
labels:
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- include "dra-extender.labelsOf" . | nindent 2 }}
{{- with merge (dict) .more .root.Values.podAnnotations .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The fields of a Pod besides containers and volumes. Call with a dict of root, component, replicas and account. */}}
{{- define "dra-extender.podSpec" -}}
{{- $ := .root -}}
serviceAccountName: {{ .account }}
{{- with $.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
# These Pods run the scheduler, so the default scheduler of the cluster places them.
schedulerName: default-scheduler
terminationGracePeriodSeconds: {{ $.Values.terminationGracePeriodSeconds }}
securityContext:
  {{- include "dra-extender.podSecurityContext" $ | nindent 2 }}
{{- with $.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- else }}
{{- if gt (int .replicas) 1 }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "dra-extender.selectorLabelsOf" . | nindent 12 }}
{{- end }}
{{- end }}
{{- with $.Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "dra-extender.schedulerContainer" -}}
name: kube-scheduler
image: {{ include "dra-extender.image" (dict "image" .Values.scheduler.image "default" (include "dra-extender.clusterVersion" .)) }}
imagePullPolicy: {{ .Values.scheduler.image.pullPolicy }}
command:
- kube-scheduler
args:
- --config=/etc/kube-scheduler/kube-scheduler.yaml
- --v={{ .Values.scheduler.verbosity }}
{{- if semverCompare "<1.34.0-0" .Capabilities.KubeVersion.Version }}
# On by default since 1.34. The plugin of preEnqueue exists only with it.
- --feature-gates=DynamicResourceAllocation=true
{{- end }}
{{- with .Values.scheduler.extraArgs }}
{{ toYaml . }}
{{- end }}
ports:
- name: scheduler
  containerPort: 10259
livenessProbe:
  httpGet:
    path: /livez
    port: scheduler
    scheme: HTTPS
  periodSeconds: 10
  timeoutSeconds: 15
  failureThreshold: 8
readinessProbe:
  httpGet:
    path: /readyz
    port: scheduler
    scheme: HTTPS
  periodSeconds: 5
  timeoutSeconds: 15
startupProbe:
  httpGet:
    path: /livez
    port: scheduler
    scheme: HTTPS
  periodSeconds: 2
  timeoutSeconds: 15
  failureThreshold: 60
resources:
  {{- toYaml .Values.scheduler.resources | nindent 2 }}
securityContext:
  {{- include "dra-extender.containerSecurityContext" . | nindent 2 }}
volumeMounts:
- name: config
  mountPath: /etc/kube-scheduler
  readOnly: true
{{- if include "dra-extender.tlsSecret" . }}
- name: extender-ca
  mountPath: /etc/dra-extender/ca
  readOnly: true
{{- end }}
{{- if include "dra-extender.mutual" . }}
- name: scheduler-tls
  mountPath: /etc/dra-extender/scheduler-tls
  readOnly: true
{{- end }}
{{- end -}}

{{/* Volumes of the extender's container. Call with a dict of root and role, as for the container. */}}
{{- define "dra-extender.volumes" -}}
{{- $ := .root -}}
{{- $decides := ne .role "api" -}}
{{- with $.Values.overview.historyVolume }}
- name: overview
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.overview.prometheusCredentials }}
- name: prometheus
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.overview.prometheusCA }}
- name: prometheus-ca
  {{- toYaml . | nindent 2 }}
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 16Mi
{{- with ternary (include "dra-extender.tlsSecret" $) (include "dra-extender.answersTLSSecret" $) $decides }}
- name: tls
  secret:
    secretName: {{ . }}
    items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
{{- end }}
{{- if and (include "dra-extender.mutual" $) (or $decides (eq $.Values.auth.mode "mtls")) }}
- name: client-ca
  secret:
    secretName: {{ $.Values.tls.clientCASecretName | default (include "dra-extender.tlsSecret" $) }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- with $.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Volumes of kube-scheduler's container. */}}
{{- define "dra-extender.schedulerVolumes" -}}
- name: config
  configMap:
    name: {{ include "dra-extender.fullname" . }}-scheduler
{{- with include "dra-extender.tlsSecret" . }}
# Only the certificate of the CA: kube-scheduler does not need the extender's key.
- name: extender-ca
  secret:
    secretName: {{ . }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- if include "dra-extender.mutual" . }}
- name: scheduler-tls
  secret:
    secretName: {{ include "dra-extender.schedulerTLSSecret" . }}
    items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
{{- end }}
{{- end -}}
