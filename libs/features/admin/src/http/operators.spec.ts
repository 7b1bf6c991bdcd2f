import { randomBytes } from 'node:crypto';
import { GatewayError, registryAuthenticateOperator } from '@mcpgw/contracts';
import { MemoryBus } from '@mcpgw/platform-bus';
import { Operators } from './operators.js';

describe('who holds an operator token', () => {
  const token = randomBytes(16).toString('hex');
  let now = 0;
  let registry: 'here' | 'away' | 'withdrawn';
  let asked: number;
  let operators: Operators;
  beforeEach(() => {
    const bus = new MemoryBus();
    registry = 'here';
    asked = 0;
    operators = new Operators(bus, { now: () => now, monotonicUs: () => now * 1_000 });
    bus.handle(registryAuthenticateOperator, async (request) => {
      asked += 1;
      if (registry === 'away') throw new GatewayError('unavailable', 'Postgres does not answer.');
      if (registry === 'withdrawn' || request.token !== token) throw new GatewayError('unauthenticated', 'This operator token is not known.');
      return { operator: 'admin' };
    });
  });
  const ask = (value = token): Promise<string> => operators.authenticate(`Bearer ${value}`);

  it('asks the registry once a second at most, and hears of a withdrawal within one', async () => {
    expect([await ask(), await ask()]).toEqual(['admin', 'admin']);
    expect(asked).toBe(1);
    now += 1_000;
    registry = 'withdrawn';
    await expect(ask()).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('lets a known operator in while the registry is away, for a quarter of an hour, and nobody else', async () => {
    await ask();
    registry = 'away';
    now += 14 * 60_000;
    expect(await ask()).toBe('admin');
    await expect(ask('0'.repeat(32))).rejects.toMatchObject({ code: 'unavailable' });
    now += 2 * 60_000;
    await expect(ask()).rejects.toMatchObject({ code: 'unavailable' });
  });
});
