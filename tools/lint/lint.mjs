// `nx lint <project>`: oxlint with type information on the project in the current folder, and the house rules for its files.
// `--all` (from the root) does the whole workspace at once.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { checkBoundaries } from './boundaries.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const all = process.argv.includes('--all');
const here = all ? '.' : path.relative(root, process.cwd());
const oxlint = spawnSync(process.execPath, [path.join(root, 'node_modules/oxlint/bin/oxlint'), '--config', path.join(root, '.oxlintrc.json'), '--type-aware', '--deny-warnings', ...(all ? ['apps', 'libs', 'tools'] : ['src'])], { cwd: all ? root : process.cwd(), stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
if (oxlint.status !== 0) process.stdout.write(`${oxlint.stdout}${oxlint.stderr}`);

const violations = checkBoundaries(root).filter(({ where }) => all || where.startsWith(`${here}/`));
for (const { where, rule, message } of violations) console.log(`${where}  ${rule}: ${message}`);
if (oxlint.status !== 0 || violations.length > 0) process.exit(1);
