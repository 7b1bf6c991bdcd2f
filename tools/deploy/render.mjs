// The objects of a kustomization, by `kubectl kustomize` or `kustomize` where there is one, else by the small resolver below,
// which knows what our kustomizations use and refuses everything else.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

const TOOLS = [
  ['kubectl', ['kustomize']],
  ['kustomize', ['build']],
];
const KNOWN = new Set(['apiVersion', 'kind', 'resources', 'images', 'replicas', 'patches']);

/** The first tool that is installed renders; `undefined` when there is none. Throws with the tool's own words when it fails. */
export function renderWithTool(folder) {
  for (const [command, args] of TOOLS) {
    const result = spawnSync(command, [...args, folder], { encoding: 'utf8', timeout: 60_000, maxBuffer: 32 * 1_048_576 });
    if (result.error?.code === 'ENOENT') continue;
    if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${(result.stderr || String(result.error ?? '')).trim()}`);
    return { tool: `${command} ${args.join(' ')}`, objects: objectsOf(result.stdout, command) };
  }
  return undefined;
}

/** resources (folders and files), images, replicas and JSON 6902 patches by kind and name. */
export function resolve(folder) {
  const file = path.join(folder, 'kustomization.yaml');
  if (!existsSync(file)) throw new Error(`${file} is missing.`);
  const kustomization = parse(readFileSync(file, 'utf8'));
  const strange = Object.keys(kustomization).filter((key) => !KNOWN.has(key));
  if (strange.length > 0) throw new Error(`${file} uses ${strange.join(', ')}, which needs kubectl: install it (https://kubernetes.io/docs/tasks/tools).`);
  const objects = (kustomization.resources ?? []).flatMap((resource) => {
    const target = path.join(folder, resource);
    return statSync(target).isDirectory() ? resolve(target) : objectsOf(readFileSync(target, 'utf8'), target);
  });
  for (const { name, count } of kustomization.replicas ?? []) only(objects, (object) => isScalable(object) && object.metadata.name === name, `replicas of ${name}`).spec.replicas = count;
  for (const { name, newName = name, newTag } of kustomization.images ?? []) for (const container of objects.flatMap(containersOf)) container.image = imageOf(container.image, name, newName, newTag);
  for (const { target, patch } of kustomization.patches ?? []) {
    const object = only(objects, ({ kind, metadata }) => kind === target.kind && metadata.name === target.name, `patch of ${target.kind} ${target.name}`);
    for (const operation of parse(patch)) apply(object, operation);
  }
  return objects;
}

/** The containers of whatever has a pod template. */
export function containersOf(object) {
  const pod = podOf(object);
  return pod ? [...(pod.initContainers ?? []), ...pod.containers] : [];
}

export function podOf(object) {
  return object.spec?.template?.spec;
}

function isScalable({ kind }) {
  return kind === 'Deployment' || kind === 'StatefulSet';
}

function imageOf(image, name, newName, newTag) {
  const [before, tag] = image.split(/:(?=[^/]*$)/);
  return before === name ? `${newName}:${newTag ?? tag}` : image;
}

function only(objects, matches, what) {
  const found = objects.filter(matches);
  if (found.length !== 1) throw new Error(`The ${what} fits ${found.length} objects instead of one.`);
  return found[0];
}

/** RFC 6902 `add` and `replace` at an RFC 6901 pointer. */
function apply(object, { op, path: pointer, value }) {
  const keys = pointer.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop();
  const parent = keys.reduce((node, key) => node?.[key], object);
  if (parent === undefined || (op === 'replace' && parent[last] === undefined)) throw new Error(`The patch of ${object.kind} ${object.metadata.name} replaces ${pointer}, which is not there.`);
  if (op === 'replace' || (op === 'add' && !Array.isArray(parent))) parent[last] = value;
  else if (op === 'add') parent.splice(last === '-' ? parent.length : Number(last), 0, value);
  else throw new Error(`The patch of ${object.kind} ${object.metadata.name} uses "${op}", which needs kubectl.`);
}

function objectsOf(text, where) {
  return parseAllDocuments(text)
    .map((document) => {
      if (document.errors.length > 0) throw new Error(`${where}: ${document.errors[0].message}`);
      return document.toJS();
    })
    .filter((object) => object !== null);
}
