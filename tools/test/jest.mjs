// Runs Jest for the project in the current folder, with the workspace's preset. Extra arguments go to Jest.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const DEADLINE_MS = 8 * 60_000;
const root = path.resolve(import.meta.dirname, '../..');
const result = spawnSync(
  process.execPath,
  ['--experimental-vm-modules', '--no-warnings', path.join(root, 'node_modules/jest/bin/jest.js'), '--config', path.join(root, 'jest.preset.mjs'), '--rootDir', process.cwd(), '--passWithNoTests', ...process.argv.slice(2)],
  // A run that leaves something open never ends by itself; it has failed then, and must not stop everything after it.
  { stdio: 'inherit', timeout: DEADLINE_MS, killSignal: 'SIGKILL' },
);
if (result.signal) console.error(`Jest was ended after ${DEADLINE_MS / 60_000} minutes: something was left open, or a spec hangs.`);
process.exit(result.status ?? 1);
