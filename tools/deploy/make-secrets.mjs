// Makes all secrets of a new installation as files, for docker-compose.yml and Kubernetes alike:
//   node tools/deploy/make-secrets.mjs FOLDER                 what is there already is kept
//   node tools/deploy/make-secrets.mjs FOLDER --kubernetes    prints Secret objects, to be piped into `kubectl apply -f -`
// The formats are those of libs/platform/runtime/src/key-files.ts. Who holds what is SECRETS below.
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const NAMESPACE = 'mcp-gateway';
const RUNNER_NAMESPACE = 'mcp-gateway-runner';

/** Kubernetes Secret -> its files and the namespaces that need it. One Secret for each holder's need, so that nobody mounts more. */
export const SECRETS = {
  'mcp-gateway-api-key-pepper': { files: ['api-key-pepper'], namespaces: [NAMESPACE] },
  'mcp-gateway-secrets': { files: ['secrets'], namespaces: [NAMESPACE, RUNNER_NAMESPACE] },
  'mcp-gateway-sessions': { files: ['sessions'], namespaces: [NAMESPACE] },
  'mcp-gateway-audit-arguments': { files: ['audit-arguments'], namespaces: [NAMESPACE] },
  'mcp-gateway-policy-signing': { files: ['policy-signing', 'policy-signing.pub'], namespaces: [NAMESPACE] },
  'mcp-gateway-policy-signing-public': { files: ['policy-signing.pub'], namespaces: [NAMESPACE] },
  'mcp-gateway-audit-signing': { files: ['audit-signing', 'audit-signing.pub'], namespaces: [NAMESPACE] },
  'mcp-gateway-database': { files: ['database-url'], namespaces: [NAMESPACE] },
  'mcp-gateway-stripe': { files: ['stripe-key'], namespaces: [NAMESPACE] },
};

/** Which files of secrets each workload sees: the table of libs/platform/runtime/src/key-files.ts, and the two of its own. */
export const HOLDS = {
  edge: ['api-key-pepper', 'audit-arguments', 'policy-signing.pub', 'secrets', 'sessions'],
  registry: ['api-key-pepper', 'database-url'],
  policy: ['policy-signing', 'policy-signing.pub'],
  audit: ['audit-signing', 'audit-signing.pub', 'database-url'],
  billing: ['database-url', 'stripe-key'],
  runner: ['secrets'],
  admin: [],
  migrate: ['database-url'],
  nats: [],
};
/** Writes what is missing into the folder and returns the names of the files made. */
export function makeSecrets(folder) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const made = [];
  const once = (name, content) => {
    const file = path.join(folder, name);
    if (!existsSync(file)) {
      // Readable by all inside a folder that only its owner may enter: compose mounts the file as it is, and the container's
      // user is another one. `wx`: never over a key that somebody else makes at this moment.
      writeFileSync(file, content(), { mode: 0o444, flag: 'wx' });
      made.push(name);
    }
    return readFileSync(file, 'utf8');
  };
  for (const name of ['api-key-pepper', 'secrets', 'sessions', 'audit-arguments']) once(name, () => `${randomBytes(32).toString('base64url')}\n`);
  for (const name of ['policy-signing', 'audit-signing']) {
    const key = once(name, () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    once(`${name}.pub`, () => createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString());
  }
  const password = once('postgres-password', () => randomBytes(24).toString('base64url')).trim();
  once('database-url', () => `postgresql://mcpgw:${password}@postgres:5432/mcpgw\n`);
  once('stripe-key', () => '');
  return made;
}

/** Secret objects, as a List, of what is in the folder. */
export function secretObjects(folder) {
  const items = Object.entries(SECRETS).flatMap(([name, { files, namespaces }]) =>
    namespaces.map((namespace) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace },
      type: 'Opaque',
      data: Object.fromEntries(files.map((file) => [file, readFileSync(path.join(folder, file)).toString('base64')])),
    })),
  );
  return { apiVersion: 'v1', kind: 'List', items };
}

if (import.meta.main) {
  const folder = process.argv[2];
  if (!folder || folder.startsWith('--')) {
    console.error('Name the folder for the secrets: node tools/deploy/make-secrets.mjs deploy/secrets [--kubernetes]');
    process.exit(2);
  }
  const made = makeSecrets(folder);
  if (process.argv.includes('--kubernetes')) process.stdout.write(`${JSON.stringify(secretObjects(folder), null, 2)}\n`);
  else console.log(`${made.length === 0 ? 'Nothing was missing' : `Made ${made.join(', ')}`} in ${folder}. Keep a copy in a safe place: without "secrets" no stored secret can be opened.`);
}
