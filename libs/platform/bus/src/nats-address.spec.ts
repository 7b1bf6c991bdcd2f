import { randomBytes } from 'node:crypto';
import { parseNatsAddress } from './nats-address.js';

describe('the address of NATS', () => {
  it('names servers with and without scheme and port', () => {
    expect(parseNatsAddress('nats://one:4333, two').connect).toEqual({ servers: ['one:4333', 'two:4222'] });
    expect(parseNatsAddress('tls://one').connect).toEqual({ servers: ['one:4222'], tls: {} });
  });

  it('takes credentials out of what is shown', () => {
    const password = randomBytes(12).toString('base64url');
    const { connect, shown } = parseNatsAddress(`nats://edge:${password}@bus:4222`);
    expect(connect).toEqual({ servers: ['bus:4222'], user: 'edge', pass: password });
    expect(shown).toBe('nats://bus:4222');
    expect(parseNatsAddress(`nats://${password}@bus`).connect).toEqual({ servers: ['bus:4222'], token: password });
  });

  it('refuses what is no address without repeating a password', () => {
    const password = randomBytes(12).toString('base64url');
    expect(() => parseNatsAddress(`nats://edge:${password}@:x`)).toThrow(/is no address/);
    expect(() => parseNatsAddress(`nats://edge:${password}@:x`)).not.toThrow(new RegExp(password));
  });
});
