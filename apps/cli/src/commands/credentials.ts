import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { keySummary, registryCreateKey, registryDeleteSecret, registryListKeys, registryListSecrets, registryPutSecret } from '@mcpgw/contracts';
import type { Command } from 'commander';
import { CliError, EXIT } from '../cli-error.js';
import { parseDuration } from '../duration.js';
import { table } from '../output/table.js';
import { examples, inPath, perform } from '../perform.js';

const MAX_SECRET_BYTES = 65_536;

export function addKeyCommands(program: Command): void {
  const key = program.command('key').description('API keys of consumers');
  const create = key
    .command('create')
    .description('make a key; it is shown this once')
    .option('--organization <name>')
    .requiredOption('--consumer <name>')
    .option('--expires <duration>', 'such as 30d; never when absent');
  perform<{ organization?: string; consumer: string; expires?: string }>(create, async ({ gateway, out }, options) => {
    const admin = gateway.admin();
    const body = {
      organization: await gateway.organization(admin, options.organization),
      consumer: options.consumer,
      ...(options.expires === undefined ? {} : { expiresInSeconds: Math.max(1, Math.round(parseDuration(options.expires) / 1_000)) }),
    };
    const made = await admin.call('POST', 'keys', registryCreateKey.reply, { body });
    out.result(made, () => made.key);
    if (!out.json) out.note(`${made.id} of ${made.organization}/${made.consumer}${made.expiresAt ? `, expires ${made.expiresAt}` : ''}. Keep it now: it can't be shown again.`);
  });
  examples(create, ['key create --organization acme --consumer desk-agent --expires 30d']);

  const list = key.command('list').description('all keys, by their public id').option('--organization <name>').option('--consumer <name>');
  perform<{ organization?: string; consumer?: string }>(list, async ({ gateway, out }, { organization, consumer }) => {
    const reply = await gateway.admin().call('GET', 'keys', registryListKeys.reply, { query: { organization, consumer } });
    out.result(reply, () =>
      table(
        ['ID', 'ORGANIZATION', 'CONSUMER', 'CREATED', 'EXPIRES', 'REVOKED'],
        reply.keys.map((one) => [one.id, one.organization, one.consumer, one.createdAt, one.expiresAt ?? 'never', one.revokedAt ?? '']),
      ),
    );
  });
  examples(list, ['key list --consumer desk-agent']);

  const revoke = key.command('revoke').argument('<id>').description('revoke a key; it stops working within a second');
  perform(revoke, async ({ gateway, out }, _options, [id = '']) => {
    const revoked = await gateway.admin().call('DELETE', inPath('keys', id), keySummary);
    out.result(revoked, () => `${revoked.id} of ${revoked.organization}/${revoked.consumer} is revoked.`);
  });
  examples(revoke, ['key revoke key_a1B2c3D4e5F6']);
}

export function addSecretCommands(program: Command): void {
  const secret = program.command('secret').description('values that servers get as secret://name; never shown again');
  const set = secret.command('set').argument('<name>').description('set a secret from standard input or a file').option('--organization <name>').option('--file <file>', 'read the value from here');
  perform<{ organization?: string; file?: string }>(set, async ({ gateway, out }, options, [name = '']) => {
    const value = options.file === undefined ? await readInput(out.note.bind(out)) : readFileSync(options.file, 'utf8');
    const body = { value: value.replace(/\r?\n$/, '') };
    if (body.value === '') throw new CliError('The value is empty. Pipe it in, or give --file FILE.', { exitCode: EXIT.usage, code: 'usage' });
    const admin = gateway.admin();
    const organization = await gateway.organization(admin, options.organization);
    const { version } = await admin.call('PUT', inPath('organizations', organization, 'secrets', name), registryPutSecret.reply, { body });
    out.result({ organization, name, version }, () => `${organization}: ${name} is set (version ${version}). Refer to it as secret://${name}.`);
  });
  examples(set, ['secret set crm/token < token.txt', 'secret set crm/token --file token.txt']);

  const list = secret.command('list').description('names and versions').option('--organization <name>');
  perform<{ organization?: string }>(list, async ({ gateway, out }, { organization }) => {
    const reply = await gateway.admin().call('GET', 'secrets', registryListSecrets.reply, { query: { organization } });
    out.result(reply, () => table(['ORGANIZATION', 'NAME', 'VERSION', 'UPDATED'], reply.secrets.map((one) => [one.organization, one.name, one.version, one.updatedAt])));
  });
  examples(list, ['secret list']);

  const remove = secret.command('remove').argument('<name>').description('remove a secret').option('--organization <name>');
  perform<{ organization?: string }>(remove, async ({ gateway, out }, options, [name = '']) => {
    const admin = gateway.admin();
    const reply = await admin.call('DELETE', inPath('organizations', await gateway.organization(admin, options.organization), 'secrets', name), registryDeleteSecret.reply);
    out.result(reply, () => (reply.deleted ? `${name} is removed.` : `There was no secret ${name}.`));
  });
  examples(remove, ['secret remove crm/token']);
}

/** Never from the arguments: those are in the process list and the shell's history. */
async function readInput(note: (text: string) => void): Promise<string> {
  if (process.stdin.isTTY) return readHidden(note);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_SECRET_BYTES + 2) throw new CliError('The value is larger than 64 KiB.', { exitCode: EXIT.usage, code: 'usage' });
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** One line from a terminal that shows nothing of it. */
async function readHidden(note: (text: string) => void): Promise<string> {
  note('Type the value, then Enter; it is not shown.');
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  const interrupted = once(terminal, 'SIGINT').then(() => '');
  try {
    return await Promise.race([terminal.question(''), interrupted]);
  } finally {
    terminal.close();
  }
}
