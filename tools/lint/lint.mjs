// `nx lint <project>`: oxlint with type information on the project in the current folder, and the house rules for its files.
// `--all` (from the root) does the whole workspace at once.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { checkBoundaries } from './boundaries.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const all = process.argv.includes('--all');
const here = all ? '.' : path.relative(root, process.cwd());
const cwd = all ? root : process.cwd();

/** Scripts in plain JavaScript have no types that a rule could rely on. */
const runs = all ? [['--type-aware', 'apps', 'libs'], ['tools']] : [['--type-aware', 'src']];
let failed = false;
for (const run of runs) {
  const oxlint = spawnSync(process.execPath, [path.join(root, 'node_modules/oxlint/bin/oxlint'), '--config', path.join(root, '.oxlintrc.json'), '--deny-warnings', ...run], { cwd, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  if (oxlint.status === 0) continue;
  failed = true;
  process.stdout.write(`${oxlint.stdout}${oxlint.stderr}`);
}

const violations = checkBoundaries(root).filter(({ where }) => all || where.startsWith(`${here}/`));
for (const { where, rule, message } of violations) console.log(`${where}  ${rule}: ${message}`);
if (failed || violations.length > 0) process.exit(1);
