// `npm test`: everything that must hold before a change lands, on this machine alone: lint, types, build, the specs of every
// project, both end-to-end suites, conformance, matrix and crash run in their short forms, and the checks of deploy/. Ends with
// one line that counts.
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import path from 'node:path';
import { ensureNode } from '../start/ensure-node.mjs';
import { BUBBLEWRAP, ensureSystemPackages, NATS_SERVER } from '../start/system-packages.mjs';

const root = path.resolve(import.meta.dirname, '../..');
ensureNode(root, import.meta.filename);
const missing = await ensureSystemPackages([BUBBLEWRAP, NATS_SERVER]);
if (missing.length > 0) {
  console.error('The tests run real sandboxes and a real message broker and can not do without these packages.');
  process.exit(1);
}

const bin = (name) => path.join(root, 'node_modules', name);
const steps = [
  ['references match the manifests', [path.join(root, 'tools/workspace/sync-references.mjs'), '--check']],
  ['build', [bin('typescript/bin/tsc'), '-b']],
  ['house rules and scripts', ['--test', ...globSync('tools/**/*.test.mjs', { cwd: root }).map((file) => path.join(root, file))]],
  ['lint, types and specs of every project', [bin('nx/dist/bin/nx.js'), 'run-many', '-t', 'lint', 'typecheck', 'test', 'build', '--parallel=2', '--outputStyle=static']],
  ['official conformance suite, short form', [path.join(root, 'tools/conformance/run.mjs'), '--short']],
  ['compatibility matrix, short form', [path.join(root, 'tools/matrix/run.mjs'), '--short']],
  ['deployment files', [path.join(root, 'tools/deploy/check.mjs')]],
  ['crash run, short form', [path.join(root, 'tools/crash/crash.mjs'), '--calls', '3000']],
];

const total = { passed: 0, failed: 0 };
for (const [name, command] of steps) {
  console.log(`\n=== ${name}`);
  const began = performance.now();
  const { code, output } = await run(command);
  const counted = count(output);
  total.passed += counted.passed;
  total.failed += counted.failed;
  if (counted.passed + counted.failed === 0) total.passed += code === 0 ? 1 : 0;
  if (code !== 0 && counted.failed === 0) total.failed += 1;
  console.log(`=== ${name}: ${code === 0 ? 'ok' : `FAILED (${code})`}, ${((performance.now() - began) / 1_000).toFixed(1)} s`);
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);

function run(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NX_NO_CLOUD: 'true', NX_DAEMON: 'false', NX_TUI: 'false' } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        process.stdout.write(chunk);
        output += chunk;
      });
    }
    child.once('exit', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Adds up what Jest, Node's test runner and our own checks say of themselves. */
function count(output) {
  // eslint-disable-next-line no-control-regex
  const text = output.replace(/\u001b\[[0-9;]*m/g, '');
  const sum = (pattern) => [...text.matchAll(pattern)].reduce((all, match) => all + Number(match[1]), 0);
  return {
    passed: sum(/^Tests:.*?(\d+) passed/gm) + sum(/^ℹ pass (\d+)$/gm) + sum(/^(\d+) passed, \d+ failed$/gm) + sum(/^(\d+) goals met/gm),
    failed: sum(/^Tests:.*?(\d+) failed/gm) + sum(/^ℹ fail (\d+)$/gm) + sum(/^\d+ passed, (\d+) failed$/gm) + sum(/goals met, (\d+) missed$/gm),
  };
}
