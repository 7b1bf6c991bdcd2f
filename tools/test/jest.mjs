// Runs Jest for the project in the current folder, with the workspace's preset. Extra arguments go to Jest.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const result = spawnSync(
  process.execPath,
  ['--experimental-vm-modules', '--no-warnings', path.join(root, 'node_modules/jest/bin/jest.js'), '--config', path.join(root, 'jest.preset.mjs'), '--rootDir', process.cwd(), '--passWithNoTests', ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exit(result.status ?? 1);
