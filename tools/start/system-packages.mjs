// What the gateway needs from the operating system, and why. Missing packages are installed when this user may, and named
// with the exact line to type when not.
import { spawnSync } from 'node:child_process';

export const BUBBLEWRAP = { program: 'bwrap', debian: 'bubblewrap', why: 'the sandbox that stdio MCP servers run in' };
export const NATS_SERVER = { program: 'nats-server', debian: 'nats-server', why: 'the message broker that the separate services are tested on' };

/** Returns the packages that are still missing afterwards. */
export async function ensureSystemPackages(needed = [BUBBLEWRAP]) {
  if (process.platform !== 'linux') {
    console.warn('Only Linux can sandbox stdio servers; elsewhere they are refused, and HTTP servers work.');
    return needed;
  }
  const missing = needed.filter(isMissing);
  for (const entry of missing) install(entry);
  const still = missing.filter(isMissing);
  for (const { debian, why } of still) console.warn(`Missing: ${debian}, ${why}. Please run:\n\n  sudo apt-get install -y ${debian}\n`);
  return still;
}

/** Debian puts servers where an ordinary user's PATH doesn't look. */
function isMissing({ program }) {
  return spawnSync(program, ['--version'], { env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } }).error !== undefined;
}

function install({ debian, why }) {
  const apt = spawnSync('apt-get', ['--version']);
  const sudo = process.getuid() === 0 ? [] : spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined;
  if (apt.error || sudo === undefined) return;
  console.log(`Installing ${debian}: ${why}.`);
  const run = (...args) => {
    const [program, ...rest] = [...sudo, 'apt-get', ...args];
    return spawnSync(program, rest, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  };
  if (run('install', '-y', '-qq', debian).status === 0) return;
  run('update', '-qq');
  const again = run('install', '-y', '-qq', debian);
  if (again.status !== 0) console.error(`apt-get could not install ${debian}:\n${again.stderr}`);
}
