import { describe, expect, it } from '@jest/globals';
import { Pool } from 'undici';
import { ForbiddenAddressError, isPublicAddress, publicOnlyConnector } from './dial-guard.js';

describe('isPublicAddress', () => {
  it.each(['127.0.0.1', '127.255.0.1', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1', '224.0.0.1', '255.255.255.255', '198.18.0.1'])('refuses %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['::', '::1', '::ffff:10.0.0.1', '::ffff:8.8.8.8', '::ffff:a9fe:a9fe', '::127.0.0.1', 'fe80::1', 'fe80::1%eth0', 'fd00::1', 'fc00::1', '64:ff9b::a00:1', '2002:a00:1::', '2001:0:1::1', 'ff02::1', '0:0:0:0:0:ffff:7f00:1'])(
    'refuses %s',
    (address) => {
      expect(isPublicAddress(address)).toBe(false);
    },
  );

  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700:4700::1111', '2a00:1450::1'])('permits %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it('refuses what is no address', () => {
    expect(isPublicAddress('localhost')).toBe(false);
  });
});

describe('publicOnlyConnector', () => {
  /** The cause with which undici reports that no connection was made. */
  async function dial(origin: string, addresses: readonly { address: string; family: number }[] = []): Promise<unknown> {
    const connect = publicOnlyConnector({ connectTimeoutMs: 1_000, resolve: (_name, _options, callback) => callback(null, [...addresses]) });
    const pool = new Pool(origin, { connect });
    try {
      await pool.request({ path: '/', method: 'GET' });
      return undefined;
    } catch (error) {
      return error;
    } finally {
      await pool.destroy();
    }
  }

  // users-and-attackers.md, test 14.
  it.each(['https://169.254.169.254', 'https://[::ffff:10.0.0.1]', 'https://2130706433', 'https://0x7f.1', 'https://[::1]', 'https://0.0.0.0'])('refuses %s before it dials', async (origin) => {
    expect(await dial(origin)).toBeInstanceOf(ForbiddenAddressError);
  });

  it('refuses a name that resolves into a private network', async () => {
    expect(await dial('https://innocent.example', [{ address: '10.0.0.7', family: 4 }])).toBeInstanceOf(ForbiddenAddressError);
  });

  it('refuses a name of which one address is private, however many are public', async () => {
    const addresses = [
      { address: '8.8.8.8', family: 4 },
      { address: '::ffff:127.0.0.1', family: 6 },
    ];
    expect(await dial('https://rebinding.example', addresses)).toBeInstanceOf(ForbiddenAddressError);
  });
});
