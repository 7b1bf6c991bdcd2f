// The house rules that a compiler doesn't hold: four floors with imports pointing down, no circles, who may import what, who
// reads the environment, how long a file may be. `checkBoundaries(root)` returns the violations, each with its file and line.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const MAX_LINES = 400;
const SPEC = /\.spec\.ts$/;

/** Floor -> floors that it may import. */
const MAY_IMPORT = {
  'type:app': ['type:feature', 'type:core', 'type:platform', 'type:contract'],
  'type:feature': ['type:core', 'type:platform', 'type:contract'],
  'type:platform': ['type:platform', 'type:contract'],
  'type:core': ['type:contract'],
  'type:contract': [],
  'type:testing': ['type:platform', 'type:contract'],
};
/** What specs may import on top. */
const SPECS_MAY_IMPORT = ['type:testing', 'type:platform', 'type:contract'];

/** Packages that one project alone may import, besides types in the test helpers. */
const OWNED_PACKAGES = { nats: 'libs/platform/bus', stripe: 'libs/features/billing' };
const FORBIDDEN_IN_CORE = /^(@nestjs\/|nats$|@prisma\/|pg$|stripe$|@opentelemetry\/|pino$|fastify$|undici$)/;
const ENVIRONMENT_READER = 'libs/platform/runtime';
const BUILT_IN = /^node:/;

export function checkBoundaries(root) {
  const projects = readProjects(root);
  const files = projects.flatMap((project) => readFiles(root, project));
  const byPath = new Map(files.map((file) => [file.path, file]));
  const byName = new Map(projects.map((project) => [project.name, project]));
  const violations = files.flatMap((file) => [...fileRules(file), ...file.imports.flatMap((entry) => importRules(file, entry, byName))]);
  return [...violations, ...fileCircles(files, byPath, byName), ...projectCircles(projects, byName)].sort((a, b) => a.where.localeCompare(b.where));
}

function readProjects(root) {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  return manifest.workspaces
    .flatMap((pattern) => globSync(`${pattern}/package.json`, { cwd: root }))
    .map((file) => ({ directory: path.dirname(file), ...JSON.parse(readFileSync(path.join(root, file), 'utf8')) }))
    .map(({ directory, name, nx, exports = {}, dependencies = {}, devDependencies = {} }) => ({ directory, name, exports, type: nx?.tags?.find((tag) => tag.startsWith('type:')) ?? 'none', dependencies, devDependencies }));
}

function readFiles(root, project) {
  return globSync(`${project.directory}/src/**/*.{ts,mts}`, { cwd: root, exclude: (name) => name === 'generated' || name === 'dist' })
    .filter((file) => !file.includes('/generated/'))
    .map((file) => {
      const text = readFileSync(path.join(root, file), 'utf8');
      return { path: file, project, isSpec: SPEC.test(file) || /\/(testing|fixtures?)\//.test(file), text, lines: text.split('\n').length, imports: importsOf(text) };
    });
}

/** Static, dynamic and re-exporting imports with their line; comments are blanked so that they name nothing. */
function importsOf(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' ')).replace(/(^|\s)\/\/[^\n]*/g, (comment) => comment.replace(/[^\n]/g, ' '));
  const found = [];
  const add = (match, specifier, typeOnly) => found.push({ specifier, typeOnly, line: code.slice(0, match.index).split('\n').length });
  for (const match of code.matchAll(/\b(?:import|export)\s+(type\s+)?(?:[\w*${},\s]+?\s+from\s+)?'([^'\n]+)'/g)) add(match, match[2], Boolean(match[1]));
  for (const match of code.matchAll(/\bimport\(\s*'([^'\n]+)'\s*\)/g)) add(match, match[1], false);
  return found;
}

function fileRules(file) {
  const found = [];
  const at = (line, rule, message) => found.push({ where: `${file.path}:${line}`, rule, message });
  if (file.lines > MAX_LINES) at(file.lines, 'file-size', `has ${file.lines} lines, ${MAX_LINES} are the most; split it by noun`);
  if (file.project.directory !== ENVIRONMENT_READER && !file.isSpec) {
    file.text.split('\n').forEach((line, index) => {
      if (/\bprocess\s*\.\s*env\b|\bprocess\[/.test(line) && !/^\s*(\/\/|\*)/.test(line)) at(index + 1, 'environment', `reads process.env; only ${ENVIRONMENT_READER} may, through loadConfig`);
    });
  }
  return found;
}

function importRules(file, { specifier, typeOnly, line }, byName) {
  const found = [];
  const at = (rule, message) => found.push({ where: `${file.path}:${line}`, rule, message });
  const { project } = file;
  if (specifier.startsWith('.')) {
    const target = path.normalize(path.join(path.dirname(file.path), specifier));
    if (!target.startsWith(`${project.directory}/`)) at('deep-import', `reaches into another project by path (${specifier}); import its package`);
    return found;
  }
  if (BUILT_IN.test(specifier)) return found;
  const packageName = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  const target = byName.get(packageName);
  if (target && !(`.${specifier.slice(packageName.length)}` in target.exports)) at('deep-import', `imports ${specifier}, which ${packageName} does not export`);
  if (target) {
    const allowed = [...(MAY_IMPORT[project.type] ?? []), ...(file.isSpec ? SPECS_MAY_IMPORT : [])];
    if (!allowed.includes(target.type)) at('floor', `${project.type} may not import ${target.type} (${packageName})`);
  } else {
    const owner = OWNED_PACKAGES[packageName];
    if (owner && owner !== project.directory && !(typeOnly && project.type === 'type:testing')) at('owned-package', `imports ${packageName}; only ${owner} may`);
    if (project.type === 'type:core' && FORBIDDEN_IN_CORE.test(packageName)) at('pure-core', `imports ${packageName}; core is framework-free`);
  }
  const declared = packageName in project.dependencies || (file.isSpec && (packageName in project.devDependencies || !target));
  if (!declared) at('undeclared', `imports ${packageName}, which ${project.directory}/package.json does not declare`);
  return found;
}

/** Circles between files, of types too, followed through packages' doors. */
function fileCircles(files, byPath, byName) {
  const edges = new Map(files.map((file) => [file.path, file.imports.map((entry) => resolveFile(file, entry.specifier, byName)).filter((target) => byPath.has(target))]));
  return circles(edges).map((circle) => ({ where: `${circle[0]}:1`, rule: 'circle', message: `imports itself: ${[...circle, circle[0]].join(' -> ')}` }));
}

function resolveFile(file, specifier, byName) {
  if (specifier.startsWith('.')) return path.normalize(path.join(path.dirname(file.path), specifier)).replace(/\.js$/, '.ts');
  const project = byName.get(specifier);
  return project ? `${project.directory}/src/index.ts` : '';
}

function projectCircles(projects, byName) {
  const edges = new Map(projects.map((project) => [project.directory, Object.keys(project.dependencies).map((name) => byName.get(name)?.directory).filter(Boolean)]));
  return circles(edges).map((circle) => ({ where: `${circle[0]}/package.json:1`, rule: 'circle', message: `projects depend on each other: ${[...circle, circle[0]].join(' -> ')}` }));
}

/** One circle for each strongly connected set that has one (depth-first; the path on the stack is the circle). */
function circles(edges) {
  const state = new Map();
  const stack = [];
  const found = [];
  const visit = (node) => {
    state.set(node, 'open');
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      if (state.get(next) === 'open') found.push(fromSmallest(stack.slice(stack.indexOf(next))));
      else if (!state.has(next)) visit(next);
    }
    stack.pop();
    state.set(node, 'done');
  };
  for (const node of edges.keys()) if (!state.has(node)) visit(node);
  return found;
}

function fromSmallest(circle) {
  const first = circle.indexOf([...circle].sort()[0]);
  return [...circle.slice(first), ...circle.slice(0, first)];
}
