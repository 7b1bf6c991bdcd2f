import { randomBytes } from 'node:crypto';
import { Health } from './health.js';
import { Periodic } from './periodic.js';
import { SecretBox } from './secrets.js';
import { uuid7 } from './uuid7.js';

describe('uuid7', () => {
  it('has the layout of RFC 9562, carries the time, sorts by it and does not repeat', () => {
    const time = Date.UTC(2026, 10, 22);
    const ids = Array.from({ length: 2_000 }, (_, index) => uuid7(time + index));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(Array.from({ length: 5_000 }, () => uuid7(time))).size).toBe(5_000);
    expect(Number.parseInt((ids[0] as string).replace('-', '').slice(0, 12), 16)).toBe(time);
  });
});

describe('SecretBox', () => {
  const box = new SecretBox(randomBytes(32));
  it('opens what it sealed, for the same organization and name alone', () => {
    const sealed = box.seal('acme', 'crm/token', 'value ü');
    expect(box.open('acme', 'crm/token', sealed)).toBe('value ü');
    expect(JSON.stringify(sealed)).not.toContain('value');
    for (const [organization, name] of [['globex', 'crm/token'], ['acme', 'crm/other']] as const) expect(() => box.open(organization, name, sealed)).toThrow(/can't be opened/);
    expect(() => new SecretBox(randomBytes(32)).open('acme', 'crm/token', sealed)).toThrow(/mcpgw secret set crm\/token/);
    const flipped = Buffer.from(sealed.ciphertext, 'base64url');
    flipped[0] = (flipped[0] as number) ^ 1;
    expect(() => box.open('acme', 'crm/token', { ...sealed, ciphertext: flipped.toString('base64url') })).toThrow(/can't be opened/);
  });

  it('never makes the same ciphertext twice', () => {
    expect(box.seal('acme', 'a', 'v')).not.toEqual(box.seal('acme', 'a', 'v'));
  });
});

describe('Health', () => {
  it('is ready once every required component is, shows other problems, and is not ready while stopping', () => {
    const health = new Health('edge', 'edge-1', new Date(0));
    health.require('snapshot', 'Start the registry.');
    expect(health.ready()).toBe(false);
    expect(health.status().problems).toEqual([{ component: 'snapshot', message: 'snapshot is starting.', action: 'Start the registry.' }]);
    health.ok('snapshot');
    health.fail('server acme/crm', { message: 'does not answer', action: 'Look at its log.' });
    expect(health.ready()).toBe(true);
    expect(health.status().problems).toHaveLength(1);
    health.stop();
    expect(health.ready()).toBe(false);
  });
});

describe('Periodic', () => {
  it('never runs twice at once, runs again when poked meanwhile, and waits for the last run when closed', async () => {
    let running = 0;
    let most = 0;
    let runs = 0;
    const errors: unknown[] = [];
    const gate = Promise.withResolvers<void>();
    const periodic = new Periodic(
      60_000,
      async () => {
        most = Math.max(most, (running += 1));
        runs += 1;
        if (runs === 1) await gate.promise;
        running -= 1;
        if (runs === 2) throw new Error('second');
      },
      (error) => errors.push(error),
    );
    const first = periodic.start();
    periodic.poke();
    periodic.poke();
    gate.resolve();
    await first;
    await periodic.close();
    expect([most, runs]).toEqual([1, 2]);
    expect(errors).toEqual([new Error('second')]);
  });
});
