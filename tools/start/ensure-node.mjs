// The gateway needs Node 24.9 or newer. npm installs one as an optional dependency, so that `npm start` works whatever the
// system has; this re-executes the calling script with it when the running Node is too old, or says what to do.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const NEEDED = [24, 9];

export function ensureNode(root, script) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return;
  const bundled = path.join(root, 'node_modules/.bin/node');
  if (!existsSync(bundled)) {
    console.error(`Node ${process.versions.node} is too old: MCP Gateway needs Node ${NEEDED.join('.')} or newer. Install it (https://nodejs.org), or run "npm ci" without --omit=optional on Linux x64, which brings one along.`);
    process.exit(1);
  }
  const result = spawnSync(bundled, [script, ...process.argv.slice(2)], { stdio: 'inherit', env: { ...process.env, PATH: `${path.dirname(bundled)}${path.delimiter}${process.env.PATH}` } });
  process.exit(result.status ?? 1);
}
