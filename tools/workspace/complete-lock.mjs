// Run after `npm install`: some registries lack packages for platforms other than the one at hand, npm then leaves them out of
// package-lock.json, and `npm ci` refuses the lock as incomplete. This adds an inert entry for each optional dependency that
// is missing, with the platform that its name tells.
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'package-lock.json';
const SYSTEMS = { darwin: 'darwin', win32: 'win32', windows: 'win32', linux: 'linux', freebsd: 'freebsd', android: 'android', openbsd: 'openbsd', netbsd: 'netbsd', sunos: 'sunos', aix: 'aix', openharmony: 'openharmony' };
const PROCESSORS = ['arm64', 'x64', 'ia32', 'ppc64', 's390x', 'riscv64', 'loong64', 'mips64el', 'wasm32', 'armeabi', 'armv7', 'arm'];

const lock = JSON.parse(readFileSync(FILE, 'utf8'));
let added = 0;
for (const [place, entry] of Object.entries({ ...lock.packages })) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (place === '' || lock.packages[`${place}/node_modules/${name}`] || lock.packages[`node_modules/${name}`]) continue;
    lock.packages[`node_modules/${name}`] = { version: range.replace(/^[^\d]*/, ''), optional: true, ...(entry.dev ? { dev: true } : {}), ...platformOf(name.split('/').pop()) };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a === '' ? -1 : b === '' ? 1 : a < b ? -1 : 1)));
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} entries added`);

function platformOf(name) {
  const system = Object.keys(SYSTEMS).find((candidate) => name.includes(candidate));
  const processor = PROCESSORS.find((candidate) => name.includes(candidate));
  return {
    ...(system ? { os: [SYSTEMS[system]] } : {}),
    ...(processor ? { cpu: [processor.startsWith('arm') && processor !== 'arm64' ? 'arm' : processor] } : {}),
    ...(name.includes('musl') ? { libc: ['musl'] } : {}),
  };
}
