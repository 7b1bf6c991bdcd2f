// A process that fills a spool until it is killed: `node spool-child.mjs <directory> <appends at once> [<point> <times>]`.
// Prints the id of each entry that `append` acknowledged. With a point it kills itself there, after passing it so often.
import { existsSync, readFileSync, writeSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

registerHooks({
  resolve(specifier, context, next) {
    const source = specifier.startsWith('.') && specifier.endsWith('.js') && new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    return source && existsSync(source) ? { url: source.href, format: 'module', shortCircuit: true } : next(specifier, context);
  },
  load(url, context, next) {
    if (!url.endsWith('.ts')) return next(url, context);
    const jsc = { target: 'es2024', parser: { syntax: 'typescript', decorators: true }, transform: { legacyDecorator: true, decoratorMetadata: true } };
    return { format: 'module', source: transformSync(readFileSync(fileURLToPath(url), 'utf8'), { jsc, module: { type: 'es6' } }).code, shortCircuit: true };
  },
});

const { Spool } = await import('./spool.ts');
const { Health, silentLogger, systemClock, uuid7 } = await import('@mcpgw/platform-runtime');

const [directory, atOnce, point, times] = process.argv.slice(2);
let passed = 0;
const receipts = point === 'after-receipt' || point === 'after-trim';
const spool = new Spool({
  directory,
  maxBytes: 1_073_741_824,
  bus: {
    request: async (_message, { edgeId, epoch, lastSeq }) => {
      if (receipts) return { edgeId, epoch, committedSeq: lastSeq };
      throw new Error('no audit service');
    },
    maxMessageBytes: () => Infinity,
    onReconnect: () => () => {},
  },
  health: new Health('edge', 'edge-child', new Date()),
  logger: silentLogger,
  clock: systemClock,
  hook: (at) => {
    if (at === point && ++passed >= Number(times)) process.kill(process.pid, 'SIGKILL');
  },
});
await spool.start();

async function append() {
  for (;;) {
    const draft = { callId: uuid7(Date.now()), phase: 'denied', organization: 'acme', client: {}, method: 'tools/call', request: { bytes: 1 }, target: 'x'.repeat(Math.floor(Math.random() * 900)) };
    writeSync(1, `${await spool.append(draft, 'fsynced')}\n`);
  }
}
for (let index = 0; index < Number(atOnce); index++) void append();
