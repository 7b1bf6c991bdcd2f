import { spawn } from 'node:child_process';
import { sign, verify } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KeyFiles } from './key-files.js';

describe('KeyFiles', () => {
  let directory: string;
  beforeEach(() => {
    directory = path.join(mkdtempSync(path.join(tmpdir(), 'mcpgw-keys-')), 'keys');
  });
  afterEach(() => rmSync(path.dirname(directory), { recursive: true, force: true }));

  it('makes a key once and keeps it, readable by its owner alone', () => {
    const first = new KeyFiles(directory).symmetric('sessions');
    expect(first).toHaveLength(32);
    expect(new KeyFiles(directory).symmetric('sessions')).toEqual(first);
    expect(new KeyFiles(directory).symmetric('secrets')).not.toEqual(first);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(path.join(directory, 'sessions')).mode & 0o777).toBe(0o600);
  });

  it('gives the verifier the public half of what the signer signs with, whoever comes first', () => {
    const verifying = new KeyFiles(directory).verifying('policy-signing');
    const signature = sign(null, Buffer.from('bundle'), new KeyFiles(directory).signing('policy-signing'));
    expect(verify(null, Buffer.from('bundle'), verifying, signature)).toBe(true);
    expect(verify(null, Buffer.from('Bundle'), verifying, signature)).toBe(false);
  });

  it('refuses a key file of another length instead of using a weak key', () => {
    new KeyFiles(directory).symmetric('sessions');
    writeFileSync(path.join(directory, 'sessions'), 'c2hvcnQ\n');
    expect(() => new KeyFiles(directory).symmetric('sessions')).toThrow(/must hold 32 bytes/);
  });

  it('makes one and the same key when several processes start at once', async () => {
    const module = path.resolve(import.meta.dirname, '../dist/key-files.js');
    const script = `const { KeyFiles } = await import(${JSON.stringify(module)}); process.stdout.write(new KeyFiles(${JSON.stringify(directory)}).symmetric('secrets').toString('hex'));`;
    const keys = await Promise.all(
      Array.from(
        { length: 6 },
        () =>
          new Promise<string>((resolve, reject) => {
            const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
            let output = '';
            child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
            child.once('error', reject);
            child.once('exit', (code) => (code === 0 ? resolve(output) : reject(new Error(`exit ${code}`))));
          }),
      ),
    );
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);
  }, 30_000);
});
