// What must be true of the rendered objects beyond their form: who may talk to whom, who holds which secret, what a pod may do.
import { HOLDS, SECRETS } from './make-secrets.mjs';
import { podOf } from './render.mjs';

/** Where each workload's connections may lead, DNS included. Anything more or less is a fault. */
const EGRESS = {
  edge: ['bus', 'dns', 'internet:443', 'upstream namespaces'],
  registry: ['bus', 'database', 'dns'],
  policy: ['bus', 'dns'],
  audit: ['bus', 'database', 'dns'],
  billing: ['bus', 'database', 'dns', 'internet:443'],
  admin: ['bus', 'dns'],
  runner: ['bus', 'dns'],
  migrate: ['database', 'dns'],
  nats: ['bus cluster', 'dns'],
};
const INGRESS = {
  edge: ['admitted edge:8080', 'metrics:9464'],
  admin: ['admitted admin:8090', 'metrics:9464'],
  registry: ['metrics:9464'],
  policy: ['metrics:9464'],
  audit: ['metrics:9464'],
  billing: ['metrics:9464'],
  runner: ['metrics:9464'],
  migrate: [],
  nats: ['bus clients:4222', 'bus cluster:6222'],
};
/** The one exception, and why it has a namespace of its own. */
const SANDBOX_HOST = 'runner';
const CLOSED = ['10.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'];

/** All faults, in words. */
export function invariantFaults(objects, settings) {
  const workloads = objects.filter((object) => podOf(object));
  const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
  return [
    ...setFaults(workloads),
    ...workloads.flatMap((workload) => [...podFaults(workload), ...secretFaults(workload), ...settingFaults(workload, objects, settings), ...networkFaults(workload, policies)]),
    ...workloads.filter(({ kind }) => kind !== 'Job').flatMap((workload) => companionFaults(workload, objects)),
    ...namespaceFaults(objects, policies),
    ...policies.filter((policy) => !workloads.some((workload) => selects(policy, workload))).map(({ metadata }) => `NetworkPolicy ${metadata.name}: selects no pod.`),
    ...policies.flatMap(internetFaults),
  ];
}

function setFaults(workloads) {
  const names = workloads.map(({ metadata }) => metadata.name).sort();
  const expected = Object.keys(EGRESS).sort();
  return names.join() === expected.join() ? [] : [`The workloads are ${names.join(', ')}; expected are ${expected.join(', ')}.`];
}

function podFaults({ kind, metadata: { name }, spec }) {
  const pod = spec.template.spec;
  const security = pod.securityContext ?? {};
  const host = name === SANDBOX_HOST;
  const faults = [];
  const must = (holds, what) => holds || faults.push(`${kind} ${name}: ${what}`);
  must(security.runAsNonRoot === true && security.runAsUser >= 10_000, 'must run as a user that is not root (runAsNonRoot, runAsUser of 10000 or more).');
  must(security.seccompProfile?.type === (host ? 'Unconfined' : 'RuntimeDefault'), 'must have the seccomp profile RuntimeDefault (the runner: Unconfined).');
  must(!host || pod.hostUsers === false, 'must have hostUsers: false, since it gives up its seccomp profile.');
  must(pod.automountServiceAccountToken === false, 'must not mount a service account token.');
  must(pod.serviceAccountName === name, 'must have a service account of its own.');
  must(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, 'must not share namespaces of the node.');
  must(!(pod.volumes ?? []).some((volume) => volume.hostPath), 'must not mount folders of the node.');
  for (const container of pod.containers) faults.push(...containerFaults(container, kind === 'Job', host).map((fault) => `${kind} ${name}: ${fault}`));
  return faults;
}

function containerFaults(container, isJob, isSandboxHost) {
  const { securityContext: security = {}, resources = {}, image } = container;
  const faults = [];
  const must = (holds, what) => holds || faults.push(`container ${container.name} ${what}`);
  must(security.allowPrivilegeEscalation === false, 'must have allowPrivilegeEscalation: false.');
  must(security.readOnlyRootFilesystem === true, 'must have readOnlyRootFilesystem: true.');
  must(security.capabilities?.drop?.join() === 'ALL' && !security.capabilities.add, 'must drop ALL capabilities and add none.');
  must(!security.privileged, 'must not be privileged.');
  must((security.procMount ?? 'Default') === (isSandboxHost ? 'Unmasked' : 'Default'), 'must keep the default /proc (the runner: Unmasked).');
  for (const side of ['requests', 'limits']) must(resources[side]?.cpu !== undefined && resources[side]?.memory !== undefined, `must have ${side} for cpu and memory.`);
  must(/:[^/:]+$/.test(image) && !image.endsWith(':latest'), `must name a version of its image, not ${image}.`);
  if (!isJob) for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) must(container[probe] !== undefined, `must have a ${probe}.`);
  return faults;
}

/** Secrets are files, each held by those who need it and by nobody else. */
function secretFaults({ metadata: { name }, spec }) {
  const pod = spec.template.spec;
  const mounted = (pod.volumes ?? []).flatMap((volume) => [...(volume.secret ? [volume.secret.secretName] : []), ...(volume.projected?.sources ?? []).flatMap((source) => (source.secret ? [source.secret.name] : []))]);
  const unknown = mounted.filter((secret) => !SECRETS[secret]).map((secret) => `${name}: mounts the secret ${secret}, which make-secrets.mjs does not make.`);
  const files = mounted.flatMap((secret) => SECRETS[secret]?.files ?? []).sort();
  const expected = [...(HOLDS[name] ?? [])].sort();
  const inEnvironment = pod.containers.some((container) => (container.env ?? []).some(({ valueFrom }) => valueFrom?.secretKeyRef) || (container.envFrom ?? []).some(({ secretRef }) => secretRef));
  return [
    ...unknown,
    ...(files.join() === expected.join() ? [] : [`${name}: holds the secrets [${files.join(', ')}]; it should hold [${expected.join(', ')}].`]),
    ...(inEnvironment ? [`${name}: has a secret in its environment; mount it as a file.`] : []),
  ];
}

function settingFaults({ metadata: { name, namespace }, spec }, objects, settings) {
  const maps = objects.filter(({ kind, metadata }) => kind === 'ConfigMap' && metadata.namespace === namespace);
  return spec.template.spec.containers.flatMap((container) => {
    const references = (container.envFrom ?? []).flatMap(({ configMapRef }) => (configMapRef ? [configMapRef.name] : []));
    const missing = references.filter((reference) => !maps.some(({ metadata }) => metadata.name === reference));
    const names = [...(container.env ?? []).map((variable) => variable.name), ...maps.filter(({ metadata }) => references.includes(metadata.name)).flatMap(({ data }) => Object.keys(data))];
    return [
      ...missing.map((reference) => `${name}: its ConfigMap ${reference} is not in ${namespace}.`),
      ...names.filter((variable) => variable.startsWith('MCPGW_') && !settings.has(variable)).map((variable) => `${name}: sets ${variable}, which no service reads.`),
    ];
  });
}

/** A service, a disruption budget and a service account, each of which finds the pods. */
function companionFaults(workload, objects) {
  const { kind, metadata: { name, namespace }, spec } = workload;
  const labels = spec.template.metadata.labels;
  const mine = (wanted) => objects.filter((object) => object.kind === wanted && object.metadata.namespace === namespace);
  const fits = (selector = {}) => Object.entries(selector).length > 0 && Object.entries(selector).every(([label, value]) => labels[label] === value);
  const ports = new Set(spec.template.spec.containers.flatMap((container) => (container.ports ?? []).map((port) => port.name)));
  const services = mine('Service').filter((service) => fits(service.spec.selector));
  return [
    ...(fits(spec.selector.matchLabels) ? [] : [`${kind} ${name}: its selector does not fit its own pods.`]),
    ...(services.length > 0 ? [] : [`${kind} ${name}: no Service leads to it.`]),
    ...services.flatMap((service) => service.spec.ports.filter(({ targetPort }) => !ports.has(targetPort)).map(({ targetPort }) => `Service ${service.metadata.name}: its pods have no port ${targetPort}.`)),
    ...(kind !== 'StatefulSet' || services.some((service) => service.metadata.name === spec.serviceName && service.spec.clusterIP === 'None') ? [] : [`StatefulSet ${name}: its headless Service ${spec.serviceName} is missing.`]),
    ...(mine('PodDisruptionBudget').some((budget) => fits(budget.spec.selector.matchLabels)) ? [] : [`${kind} ${name}: has no PodDisruptionBudget.`]),
    ...(mine('ServiceAccount').some((account) => account.metadata.name === name && account.automountServiceAccountToken === false) ? [] : [`${kind} ${name}: its ServiceAccount is missing or mounts its token.`]),
  ];
}

function namespaceFaults(objects, policies) {
  return objects
    .filter(({ kind }) => kind === 'Namespace')
    .flatMap(({ metadata: { name, labels } }) => [
      ...(policies.some(({ metadata, spec }) => metadata.namespace === name && Object.keys(spec.podSelector).length === 0 && spec.policyTypes.toSorted().join() === 'Egress,Ingress' && !spec.ingress && !spec.egress)
        ? []
        : [`Namespace ${name}: has no NetworkPolicy that denies everything by default.`]),
      ...(labels?.['pod-security.kubernetes.io/enforce'] === (objects.some((object) => object.metadata.name === SANDBOX_HOST && object.metadata.namespace === name) ? 'privileged' : 'restricted')
        ? []
        : [`Namespace ${name}: must enforce the pod security level restricted (the runner's: privileged).`]),
    ]);
}

function networkFaults(workload, policies) {
  const { name } = workload.metadata;
  const mine = policies.filter((policy) => selects(policy, workload));
  const flows = (side, peers, names) => mine.flatMap((policy) => (policy.spec[side] ?? []).flatMap((rule) => [...new Set((rule[peers] ?? [undefined]).map((peer) => names(peer, rule.ports)))])).sort();
  const compare = (direction, found, expected = []) => (found.join() === [...expected].sort().join() ? [] : [`${name}: ${direction} is open for [${found.join(', ')}]; it should be for [${[...expected].sort().join(', ')}].`]);
  return [...compare('the way out', flows('egress', 'to', destination), EGRESS[name]), ...compare('the way in', flows('ingress', 'from', source), INGRESS[name])];
}

function selects(policy, workload) {
  const labels = workload.spec.template.metadata.labels;
  return policy.metadata.namespace === workload.metadata.namespace && Object.entries(policy.spec.podSelector.matchLabels ?? {}).every(([label, value]) => labels[label] === value);
}

/** What a peer is, in the words of the tables above; anything unfamiliar as its JSON, which fits no table. */
function destination(peer, ports) {
  const text = ports?.map(({ protocol, port, endPort }) => `${protocol}/${port}${endPort ? `-${endPort}` : ''}`).join() ?? 'any port';
  const namespace = peer?.namespaceSelector?.matchLabels ?? {};
  const pod = peer?.podSelector?.matchLabels ?? {};
  if (peer?.ipBlock && text === 'TCP/443') return 'internet:443';
  if (pod['app.kubernetes.io/name'] === 'nats' && text === 'TCP/4222') return 'bus';
  if (pod['app.kubernetes.io/name'] === 'nats' && text === 'TCP/6222') return 'bus cluster';
  if (namespace['mcp-gateway/provides'] === 'postgres' && text === 'TCP/5432') return 'database';
  if (namespace['mcp-gateway/upstream'] === 'true') return 'upstream namespaces';
  if (namespace['kubernetes.io/metadata.name'] === 'kube-system' && pod['k8s-app'] === 'kube-dns' && text === 'UDP/53,TCP/53') return 'dns';
  return JSON.stringify({ peer, ports: text });
}

function source(peer, ports) {
  const text = ports?.map(({ port }) => port).join() ?? 'any port';
  const namespace = peer?.namespaceSelector?.matchLabels ?? {};
  const pod = peer?.podSelector?.matchLabels ?? {};
  if (namespace['mcp-gateway/scrapes'] === 'metrics') return `metrics:${text}`;
  if (namespace['mcp-gateway/admits']) return `admitted ${namespace['mcp-gateway/admits']}:${text}`;
  if (pod['mcp-gateway/bus'] === 'client') return `bus clients:${text}`;
  if (pod['app.kubernetes.io/name'] === 'nats') return `bus cluster:${text}`;
  return JSON.stringify({ peer, ports: text });
}

/** The internet, and not the cluster, the node or the cloud's metadata service behind its back. */
function internetFaults({ metadata: { name }, spec }) {
  const blocks = (spec.egress ?? []).flatMap(({ to }) => (to ?? []).flatMap(({ ipBlock }) => (ipBlock ? [ipBlock] : [])));
  return blocks.flatMap(({ cidr, except = [] }) => {
    if (cidr === '2000::/3') return []; // global unicast: private and link-local addresses are not in it
    const open = cidr === '0.0.0.0/0' ? CLOSED.filter((range) => !except.includes(range)) : [cidr];
    return open.map((range) => `NetworkPolicy ${name}: leaves ${range} open.`);
  });
}
