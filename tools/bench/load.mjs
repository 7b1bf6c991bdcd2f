// The load generator, a process of its own. Reads one JSON job from its argument: {url, headers, body, seconds, concurrency} for a
// closed loop, or with {rate} for an open loop: calls start when they are due, and their time counts from then. Prints JSON.
import { Pool } from 'undici';

const job = JSON.parse(process.argv[2]);
const url = new URL(job.url);
const pool = new Pool(url.origin, { connections: job.concurrency ?? 64, pipelining: 1 });
const request = { path: url.pathname, method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...job.headers }, body: JSON.stringify(job.body) };
const latenciesMs = [];
let failed = 0;
let firstFailure;

async function call(startedAt) {
  try {
    const reply = await pool.request(request);
    const text = await reply.body.text();
    if (reply.statusCode !== 200 || text.includes('"error":')) throw new Error(`${reply.statusCode} ${text.slice(0, 300)}`);
    latenciesMs.push(performance.now() - startedAt);
  } catch (error) {
    failed += 1;
    firstFailure ??= String(error);
  }
}

const began = performance.now();
const end = began + job.seconds * 1_000;
if (job.rate) {
  const due = [];
  for (let index = 0; ; index += 1) {
    const at = began + (index * 1_000) / job.rate;
    if (at >= end || index > 1_000_000) break;
    const wait = at - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    due.push(call(Math.max(at, began)));
  }
  await Promise.all(due);
} else {
  await Promise.all(
    Array.from({ length: job.concurrency }, async () => {
      while (performance.now() < end && failed < 100) await call(performance.now());
    }),
  );
}
const seconds = (performance.now() - began) / 1_000;
await pool.close();
latenciesMs.sort((a, b) => a - b);
const at = (quantile) => latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * quantile))] ?? Number.NaN;
console.log(JSON.stringify({ calls: latenciesMs.length, failed, firstFailure, perSecond: latenciesMs.length / seconds, p50: at(0.5), p99: at(0.99) }));
