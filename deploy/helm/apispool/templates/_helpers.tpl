{{- define "apispool.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "apispool.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "apispool.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "apispool.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "apispool.selector" -}}
app.kubernetes.io/name: {{ include "apispool.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "apispool.labels" -}}
app.kubernetes.io/name: {{ include "apispool.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "apispool.metricsPort" -}}
{{- get (dict "gateway" "9464" "ingestor" "9465" "reader" "9466" "store" "9467") . -}}
{{- end -}}

{{- define "apispool.image" -}}
{{- $image := .root.Values.image -}}
{{- with $image.registry }}{{ trimSuffix "/" . }}/{{ end }}{{ $image.prefix }}{{ .component }}:{{ default .root.Chart.AppVersion $image.tag }}
{{- end -}}

{{/* What every service is told. */}}
{{- define "apispool.commonEnv" -}}
- name: METRICS_ADDRESS
  value: "0.0.0.0:{{ include "apispool.metricsPort" .component }}"
- name: LOG_LEVEL
  value: {{ .root.Values.logLevel | quote }}
{{- with .root.Values.tracing }}
{{- if .endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .endpoint | quote }}
- name: OTEL_TRACES_SAMPLER
  value: {{ .sampler | quote }}
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ .ratio | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* How Kafka is reached. */}}
{{- define "apispool.kafkaEnv" -}}
{{- $names := .Values.envNames -}}
{{- if not .Values.kafka.brokers }}{{ fail "kafka.brokers is missing; it must be a list of host:port" }}{{ end -}}
- name: KAFKA_BROKERS
  value: {{ join "," .Values.kafka.brokers | quote }}
- name: TOPIC_PREFIX
  value: {{ .Values.kafka.topicPrefix | quote }}
{{- with .Values.kafka.sasl }}
{{- if .mechanism }}
{{- $secret := required "kafka.sasl.existingSecret is missing; it must name a Secret with the user and the password" .existingSecret }}
- name: {{ $names.kafkaMechanism }}
  value: {{ .mechanism | quote }}
- name: {{ $names.kafkaUsername }}
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ .usernameKey }} } }
- name: {{ $names.kafkaPassword }}
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ .passwordKey }} } }
{{- end }}
{{- end }}
{{- with .Values.kafka.tls }}
{{- if .enabled }}
- name: {{ $names.kafkaTls }}
  value: "true"
{{- if .existingSecret }}
- name: {{ $names.kafkaCa }}
  value: /etc/apispool/kafka/{{ .caKey }}
{{- if .certKey }}
- name: {{ $names.kafkaCert }}
  value: /etc/apispool/kafka/{{ .certKey }}
- name: {{ $names.kafkaKey }}
  value: /etc/apispool/kafka/{{ required "kafka.tls.keyKey is missing; a client certificate needs its key" .keyKey }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "apispool.hasKafkaFiles" -}}
{{- if and .Values.kafka.tls.enabled .Values.kafka.tls.existingSecret }}yes{{ end -}}
{{- end -}}

{{/* The pod of a component, but for what is its own: dict root component values env ports volumes mounts */}}
{{- define "apispool.podSpec" -}}
{{- $root := .root -}}
{{- $own := .values -}}
serviceAccountName: {{ include "apispool.fullname" $root }}
automountServiceAccountToken: false
# Of other services no variables: theirs have names like ours.
enableServiceLinks: false
terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: { type: RuntimeDefault }
containers:
  - name: {{ .component }}
    image: {{ include "apispool.image" (dict "root" $root "component" .component) | quote }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
    ports:
      - { name: {{ .portName }}, containerPort: {{ .port }} }
      - { name: metrics, containerPort: {{ include "apispool.metricsPort" .component }} }
    env:
      {{- .env | nindent 6 }}
      {{- with $own.env }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with $own.envFrom }}
    envFrom: {{- toYaml . | nindent 6 }}
    {{- end }}
    # It may take long to see Kafka for the first time, and that is no reason to start anew.
    startupProbe:
      httpGet: { path: /livez, port: metrics }
      periodSeconds: 1
      failureThreshold: 60
    livenessProbe:
      httpGet: { path: /livez, port: metrics }
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 3
    readinessProbe:
      httpGet: { path: /readyz, port: metrics }
      periodSeconds: 3
      timeoutSeconds: 3
      failureThreshold: 1
    {{- if .drainSeconds }}
    lifecycle:
      preStop: { exec: { command: ["sleep", {{ .drainSeconds | quote }}] } }
    {{- end }}
    resources: {{- toYaml $own.resources | nindent 6 }}
    {{- if or .mounts $own.extraVolumeMounts }}
    volumeMounts:
      {{- with .mounts }}{{ . | nindent 6 }}{{ end }}
      {{- with $own.extraVolumeMounts }}{{ toYaml . | nindent 6 }}{{ end }}
    {{- end }}
{{- if or .volumes $own.extraVolumes }}
volumes:
  {{- with .volumes }}{{ . | nindent 2 }}{{ end }}
  {{- with $own.extraVolumes }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "apispool.selector" (dict "root" $root "component" .component) | nindent 8 }}
{{- with $own.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A disruption budget and, for what has no other, nothing else: dict root component values */}}
{{- define "apispool.pdb" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "apispool.fullname" .root }}-{{ .component }}
  labels: {{- include "apispool.labels" .root | nindent 4 }}
spec:
  maxUnavailable: {{ .values.pdb.maxUnavailable }}
  selector:
    matchLabels: {{- include "apispool.selector" (dict "root" .root "component" .component) | nindent 6 }}
{{- end -}}
