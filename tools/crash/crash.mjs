// `npm run crash`: calls at full speed while each process in turn is killed with SIGKILL and started again; then the log is
// held against what was answered. `--calls N` (20,000), `--concurrency N` (32), `--json FILE`.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import pg from 'pg';
import { applyFile, createKey, freePort, json, modern, restart, startServicesSystem, until, WORKSPACE } from '../../libs/testing/dist/index.js';
import { report } from '../bench/report.mjs';

const option = (name, fallback) => {
  const index = process.argv.indexOf(`--${name}`);
  return index < 0 ? fallback : Number(process.argv[index + 1]);
};
const CALLS = option('calls', 20_000);
const CONCURRENCY = option('concurrency', 32);
const VICTIMS = ['edge', 'audit', 'billing', 'runner', 'nats', 'postgres'];
const ORGANIZATION = 'crash';
const SETTLE_MS = 120_000;

const system = await startServicesSystem();
const stubPort = await freePort();
const stub = spawn(process.execPath, [path.join(WORKSPACE, 'tools/bench/stub-upstream.mjs')], { stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env.PATH, PORT: String(stubPort) } });
try {
  await new Promise((resolve) => stub.stdout.once('data', resolve));
  await configure();
  const { key } = await createKey(system, ORGANIZATION, 'agent');
  await until('the edge lists the tools', async () => (await modern(`${system.edgeUrl}/mcp`, key, 'tools/list')).message.result?.tools?.some((tool) => tool.name === 'everything__echo'));
  const calls = await runLoad(key);
  const log = await settledLog(calls);
  await judge(calls, log);
} catch (error) {
  console.error(error);
  console.error(system.logs().slice(-6_000));
  process.exitCode = 1;
} finally {
  stub.kill();
  await system.close();
}

async function configure() {
  const modules = path.join(WORKSPACE, 'node_modules');
  const file = path.join(system.directory, 'crash.json');
  writeFileSync(
    file,
    JSON.stringify({
      organizations: [{ name: ORGANIZATION }],
      servers: [
        { name: 'everything', organization: ORGANIZATION, stdio: { command: 'node', args: [path.join(modules, '@modelcontextprotocol/server-everything/dist/index.js'), 'stdio'], sandbox: { read: [modules], memoryMb: 512 } } },
        { name: 'stub', organization: ORGANIZATION, http: { url: `http://127.0.0.1:${stubPort}/mcp`, allowPrivateNetwork: true } },
      ],
      roles: [{ name: 'all', organization: ORGANIZATION, rules: [{ allow: '*/*' }] }],
      consumers: [{ name: 'agent', organization: ORGANIZATION, roles: ['all'] }],
    }),
  );
  await applyFile(system, file);
}

/** Every call has a trace id of its own, by which its entries are found. An answer is a JSON-RPC response that arrived whole. */
async function runLoad(key) {
  const calls = [];
  let started = 0;
  let killed = 0;
  const worker = async () => {
    while (started < CALLS || killed < VICTIMS.length) {
      const index = (started += 1);
      const traceId = randomBytes(16).toString('hex');
      const [server, name, args] = index % 4 === 0 ? ['everything', 'echo', { message: `call ${index}` }] : ['stub', 'tool_1', { text: `call ${index}` }];
      const call = { traceId, answered: false, refused: false, ok: false };
      calls.push(call);
      try {
        const reply = await send(key, `${server}__${name}`, args, traceId);
        call.answered = true;
        call.refused = reply.status === 503; // nothing could be written down, so nothing was done
        call.ok = reply.message.result !== undefined;
        call.code = reply.message.error?.code;
        if (!call.ok) await new Promise((resolve) => setTimeout(resolve, 20));
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50)); // the edge is away; the call was not answered
      }
    }
  };
  const assassin = (async () => {
    for (const [index, victim] of VICTIMS.entries()) {
      await until(`call ${Math.floor((CALLS * (index + 1)) / (VICTIMS.length + 1))}`, () => started >= (CALLS * (index + 1)) / (VICTIMS.length + 1), 600_000);
      process.stderr.write(`SIGKILL ${victim} at call ${started}\n`);
      await restart(system, victim, 'SIGKILL');
      killed += 1;
    }
  })();
  await Promise.all([...Array.from({ length: CONCURRENCY }, worker), assassin]);
  process.stderr.write(`${calls.length} calls, ${calls.filter((call) => call.answered).length} answered, ${killed} kills\n`);
  return calls;
}

async function send(key, name, args, traceId) {
  const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, traceparent: `00-${traceId}-0000000000000001-01` };
  const response = await fetch(`${system.edgeUrl}/mcp`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta } }),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  return { status: response.status, message: JSON.parse(text.includes('data:') ? text.match(/^data: ?(.*)$/gm).at(-1).replace(/^data: ?/, '') : text) };
}

/**
 * The whole log once it tells of every answer and every intent has its end: what the spool held while a service was away arrives
 * later than the answers. After two minutes it is as it is, and is judged so.
 */
async function settledLog(calls) {
  const began = performance.now();
  for (;;) {
    const entries = await wholeLog().catch(() => undefined);
    if (entries && (isSettled(entries, calls) || performance.now() - began > SETTLE_MS)) return entries;
    if (performance.now() - began > 2 * SETTLE_MS) throw new Error('The log could not be read.');
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function isSettled(entries, calls) {
  const terminal = entries.filter((entry) => ['outcome', 'denied', 'unknown'].includes(entry.phase));
  const closed = new Set(terminal.map((entry) => entry.intentId));
  const told = new Set(terminal.map((entry) => entry.traceId));
  return entries.every((entry) => entry.phase !== 'intent' || closed.has(entry.entryId)) && calls.every((call) => !call.answered || call.refused || told.has(call.traceId));
}

async function wholeLog() {
  const entries = [];
  for (let from = 0; ; ) {
    const reply = await fetch(`${system.adminUrl}/api/v1/audit/${ORGANIZATION}/entries?from=${from}&limit=2000`, { headers: { authorization: `Bearer ${system.adminToken}` } });
    if (!reply.ok) throw new Error(await reply.text());
    const page = await reply.json();
    entries.push(...page.entries.map((entry) => JSON.parse(entry.body)));
    if (page.next >= page.size) return entries;
    from = page.next;
  }
}

async function judge(calls, entries) {
  const byTrace = Map.groupBy(entries, (entry) => entry.traceId);
  let wrong = 0;
  for (const call of calls.filter((candidate) => candidate.answered && !candidate.refused)) {
    const own = byTrace.get(call.traceId) ?? [];
    const intents = own.filter((entry) => entry.phase === 'intent').length;
    const ends = own.filter((entry) => ['outcome', 'denied', 'unknown'].includes(entry.phase)).length;
    const denied = own.some((entry) => entry.phase === 'denied');
    if (ends !== 1 || intents !== (denied ? 0 : 1)) {
      if (wrong < 5) console.error('wrong entries for an answered call', call, own);
      wrong += 1;
    }
  }
  const usage = await until('nothing is left to count', async () => {
    const reply = await json(system, 'usage', '--by', 'tool', '--organization', ORGANIZATION);
    return reply.lag === 0 && reply;
  });
  const counted = usage.rows.reduce((sum, row) => sum + row.calls, 0);
  const outcomes = entries.filter((entry) => entry.phase === 'outcome' && entry.intentId && entry.method === 'tools/call').length;
  const unknown = entries.filter((entry) => entry.phase === 'unknown').length;
  const verified = await until('a checkpoint covers the log', async () => {
    const result = await json(system, 'audit', 'verify');
    return result.ok && result;
  });
  const answered = calls.filter((call) => call.answered).length;
  const tampered = await tamper(entries);
  report([
    { figure: 'calls made', ours: calls.length, goal: `${CALLS}`, ok: calls.length >= CALLS },
    { figure: 'calls answered', baseline: calls.length, ours: answered, ratio: answered / calls.length },
    { figure: 'answered with a result', baseline: calls.length, ours: calls.filter((call) => call.ok).length },
    { figure: 'answered calls without exactly one intent and one end', ours: wrong, goal: '0', ok: wrong === 0 },
    { figure: 'intents closed as unknown', ours: unknown },
    { figure: 'entries verified', ours: verified.entries, goal: 'no finding', ok: verified.findings.length === 0 },
    { figure: 'usage against outcome entries', baseline: outcomes, ours: counted, ratio: counted / outcomes, goal: 'equal', ok: counted === outcomes },
    { figure: 'a flipped byte is found and named', ours: tampered ? 'yes' : 'no', goal: 'yes', ok: tampered },
  ]);
}

/** As the owner of the database: turns the guards off and flips one byte of one entry. */
async function tamper(entries) {
  const victim = entries[Math.floor(entries.length / 2)];
  const client = new pg.Client({ connectionString: system.databaseUrl });
  await client.connect();
  try {
    await client.query('SET session_replication_role = replica');
    const { rows } = await client.query("SELECT table_name, data_type FROM information_schema.columns WHERE table_schema = 'audit' AND column_name = 'body'");
    const [{ table_name: table, data_type: type }] = rows;
    const flipped = type === 'bytea' ? 'set_byte(body, 40, get_byte(body, 40) # 1)' : "overlay(body placing chr(ascii(substr(body, 41, 1)) # 1) from 41 for 1)";
    const { rowCount } = await client.query(`UPDATE audit.${table} SET body = ${flipped} WHERE entry_id = $1`, [victim.entryId]);
    if (rowCount !== 1) throw new Error(`${rowCount} entries were changed`);
  } finally {
    await client.end();
  }
  const result = await system.mcpgw(['audit', 'verify', '--organization', ORGANIZATION, '--json']);
  process.stderr.write(`verify after the flip: exit ${result.code}, ${result.stdout.slice(0, 300)}\n`);
  return result.code !== 0 && result.stdout.includes(victim.entryId);
}
