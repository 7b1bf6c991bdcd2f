// Runs the conformance suite and reads what it found out.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ENTRY = path.resolve(import.meta.dirname, '../../node_modules/@modelcontextprotocol/conformance/dist/index.js');
const LONGEST_RUN_MS = 600_000;

/** The checks of one scenario by id. A scenario may make the same check several times: each gets a number. */
function checksIn(folder) {
  const checks = {};
  for (const check of JSON.parse(readFileSync(path.join(folder, 'checks.json'), 'utf8'))) {
    let id = check.id;
    for (let again = 2; Object.hasOwn(checks, id); again += 1) id = `${check.id}#${again}`;
    checks[id] = { status: check.status, said: check.errorMessage };
  }
  return checks;
}

/**
 * Runs `conformance <role>` with these arguments. Returns the checks of each scenario that ran, by its name; a scenario that
 * broke off has one failed check `ran`. `onScenario` hears the name of each as it begins.
 */
export async function runSuite(role, args, { environment = {}, onScenario } = {}) {
  const output = mkdtempSync(path.join(tmpdir(), 'mcpgw-conformance-'));
  const child = spawn(process.execPath, [ENTRY, role, ...args, '-o', output], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, ...environment } });
  const deadline = setTimeout(() => child.kill('SIGKILL'), LONGEST_RUN_MS);
  let said = '';
  let begun = 0;
  const listen = (chunk) => {
    said += chunk;
    const names = [...said.matchAll(/^(?:=== Running scenario: (\S+) ===|Starting scenario: (\S+))$/gm)].map((match) => match[1] ?? match[2]);
    for (; begun < names.length; begun += 1) onScenario?.(names[begun]);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(deadline);
  try {
    const scenarios = {};
    for (const folder of readdirSync(output, { recursive: true }).filter((name) => name.endsWith('checks.json')).map((name) => path.dirname(name))) {
      const name = folder.replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '').replace(role === 'server' ? /^server-/ : /^$/, '');
      scenarios[name] = checksIn(path.join(output, folder));
    }
    for (const [, name, why] of said.matchAll(/^Failed to run scenario (\S+): (.*)$/gm)) scenarios[name] ??= { ran: { status: 'FAILURE', said: why } };
    if (Object.keys(scenarios).length === 0) throw new Error(`The conformance suite ran nothing (exit ${code}):\n${said.slice(-2_000)}`);
    return scenarios;
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

/** One run of the server leg: a frozen set of requirements, a suite at a revision, or single scenarios. */
export async function runServer(url, selection, options) {
  if (!selection.scenarios) return runSuite('server', ['--url', url, ...selection.args], options);
  const all = {};
  for (const name of selection.scenarios) {
    options?.onScenario?.(name);
    Object.assign(all, await runSuite('server', ['--url', url, '--scenario', name], { environment: options?.environment }));
  }
  return all;
}

const skills = ['directory', 'enumeration', 'manifest'].map((part) => `sep-2640-skills-${part}`);

export const SELECTIONS = {
  '2025-11-25': { args: ['--requirements', '2025-11-25'] },
  '2026-07-28': { args: ['--requirements', '2026-07-28'] },
  'all@2026-07-28': { args: ['--suite', 'all', '--spec-version', '2026-07-28'] },
  skills: { scenarios: skills },
};
