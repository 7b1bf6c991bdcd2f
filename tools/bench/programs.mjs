// The programs of a benchmark: each a process of its own, ended with it; the load they are put under; the CPU they use.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../../libs/testing/dist/index.js';

const here = import.meta.dirname;
const children = [];

/** Starts a script of this folder on a free port, once it says that it listens. */
export async function start(script, environment) {
  const port = await freePort();
  const child = spawn(process.execPath, [path.join(here, script)], { stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env.PATH, PORT: String(port), ...environment } });
  children.push(child);
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}`)));
  });
  return { url: `http://127.0.0.1:${port}/mcp`, pid: child.pid };
}

/** Each ends by itself when its standard input does. */
export function stopAll() {
  for (const child of children) child.stdin.end();
}

export function load(job) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(here, 'load.mjs'), JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.once('exit', () => {
      const result = JSON.parse(output);
      if (result.failed > 0) reject(new Error(`${result.failed} calls to ${job.url} failed; the first: ${result.firstFailure}`));
      else resolve(result);
    });
  });
}

/** CPU seconds that a process and all below it have used so far. */
export function cpuSeconds(root) {
  const stats = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
      return [{ pid: Number(pid), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }];
    } catch {
      return [];
    }
  });
  const below = (pid) => [pid, ...stats.filter((entry) => entry.parent === pid).flatMap((entry) => below(entry.pid))];
  const family = new Set(below(root));
  return stats.filter((entry) => family.has(entry.pid)).reduce((sum, entry) => sum + entry.ticks, 0) / 100;
}

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const META = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };

/** A request of 2026-07-28 and its headers. */
export const request = (method, name, args) => ({ jsonrpc: '2.0', id: 1, method, params: { ...(name ? { name, arguments: args } : {}), _meta: META } });
export const headers = (key, method, name) => ({ authorization: `Bearer ${key}`, 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...(name ? { 'mcp-name': name } : {}) });
