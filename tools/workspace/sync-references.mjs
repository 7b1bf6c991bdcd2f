// Writes each project's tsconfig.json, tsconfig.spec.json and its references from the workspace dependencies in
// package.json, so that the two can never disagree. Run it after a dependency between projects is added or removed.
// `--check` changes nothing and exits 1 when a file would change.
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const check = process.argv.includes('--check');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const directories = manifest.workspaces.flatMap((pattern) => globSync(`${pattern}/package.json`, { cwd: root })).map((file) => path.dirname(file)).sort();
const packages = directories.map((directory) => ({ directory, manifest: JSON.parse(readFileSync(path.join(root, directory, 'package.json'), 'utf8')) }));
const directoryOf = new Map(packages.map((entry) => [entry.manifest.name, entry.directory]));
const stale = [];

function write(file, value) {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  const absolute = path.join(root, file);
  if (existsSync(absolute) && readFileSync(absolute, 'utf8') === text) return;
  stale.push(file);
  if (!check) writeFileSync(absolute, text);
}

for (const { directory, manifest: project } of packages) {
  const up = path.relative(directory, '.');
  const local = (names) => Object.keys(names ?? {}).filter((name) => directoryOf.has(name)).sort();
  const reference = (name) => ({ path: path.relative(directory, directoryOf.get(name)) });
  write(`${directory}/tsconfig.json`, {
    extends: `${up}/tsconfig.base.json`,
    compilerOptions: { rootDir: 'src', outDir: 'dist', tsBuildInfoFile: 'dist/.tsbuildinfo', ...(project.nx?.tags?.includes('type:testing') ? { types: ['node', 'jest'] } : {}) },
    include: ['src'],
    exclude: ['src/**/*.spec.ts'],
    references: local(project.dependencies).map(reference),
  });
  write(`${directory}/tsconfig.spec.json`, {
    extends: `${up}/tsconfig.base.json`,
    compilerOptions: { composite: false, declaration: false, declarationMap: false, incremental: false, noEmit: true, types: ['node', 'jest'] },
    include: ['src'],
    references: [...local(project.dependencies), ...local(project.devDependencies)].map(reference),
  });
}
write('tsconfig.json', { files: [], references: directories.map((directory) => ({ path: directory })) });

if (check && stale.length > 0) {
  console.error(`These files do not match the dependencies in package.json; run "npm run sync":\n  ${stale.join('\n  ')}`);
  process.exit(1);
}
console.log(check ? 'references match package.json' : `${stale.length} file(s) written`);
