// Lists the licences of everything that `npm ci` installs, in THIRD_PARTY_LICENCES.md, and refuses copyleft in what the product
// loads at run time. `--check` changes nothing and exits 1 when the list is old.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const FILE = path.join(root, 'THIRD_PARTY_LICENCES.md');
const COPYLEFT = /\b(A?GPL|LGPL|SSPL|BUSL|BSL-1\.1|CC-BY-NC|EUPL|OSL)/i;

const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
const rows = [];
for (const [place, entry] of Object.entries(lock.packages)) {
  if (!place.includes('node_modules/') || entry.link) continue;
  const manifest = path.join(root, place, 'package.json');
  if (!existsSync(manifest)) continue; // for another platform
  const { name, version, license, licenses } = JSON.parse(readFileSync(manifest, 'utf8'));
  const text = typeof license === 'string' ? license : (license?.type ?? licenses?.map((one) => one.type).join(' OR ') ?? 'not stated');
  rows.push({ name, version, licence: text, use: entry.dev || entry.devOptional ? 'development' : 'run time' });
}
rows.sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version));
const unique = rows.filter((row, index) => index === 0 || JSON.stringify(row) !== JSON.stringify(rows[index - 1]));
const refused = unique.filter((row) => row.use === 'run time' && COPYLEFT.test(row.licence) && !/\bOR\b/.test(row.licence));
const body = ['# Licences of the packages that MCP Gateway uses', '', 'Made by `node tools/workspace/licences.mjs` from what package-lock.json installs on Linux x64.', '', '| package | version | licence | use |', '|---|---|---|---|', ...unique.map((row) => `| ${row.name} | ${row.version} | ${row.licence} | ${row.use} |`), ''].join('\n');

if (refused.length > 0) {
  console.error(`Copyleft at run time: ${refused.map((row) => `${row.name} (${row.licence})`).join(', ')}`);
  process.exit(1);
}
if (process.argv.includes('--check')) {
  const current = existsSync(FILE) ? readFileSync(FILE, 'utf8') : '';
  if (current !== body) {
    console.error('THIRD_PARTY_LICENCES.md is old; run "node tools/workspace/licences.mjs".');
    process.exit(1);
  }
} else writeFileSync(FILE, body);
console.log(`${unique.length} packages, none of them copyleft at run time`);
