import { lookup, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';

/** Addresses that a server on the public internet can't have. From the IANA special-purpose registries (RFC 6890). */
const SPECIAL_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
/** `::/96`, `::ffff:0:0/96`, NAT64, 6to4 and Teredo carry an IPv4 address inside: whatever it is, nobody needs them to reach a server. */
const SPECIAL_V6: readonly (readonly [string, number])[] = [
  ['::', 96],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

// Two lists: a BlockList takes an IPv4 address for its `::ffff:` form too, and would refuse all of them.
const specialV4 = new BlockList();
const specialV6 = new BlockList();
for (const [network, prefix] of SPECIAL_V4) specialV4.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of SPECIAL_V6) specialV6.addSubnet(network, prefix, 'ipv6');

/** Whether an IP address may be dialled for a server that is not allowed into private networks. */
export function isPublicAddress(address: string): boolean {
  const bare = address.replace(/%.*$/, '');
  const family = isIP(bare);
  if (family === 4) return !specialV4.check(bare, 'ipv4');
  return family === 6 && !specialV6.check(bare, 'ipv6');
}

/** The dial was refused before any packet left. */
export class ForbiddenAddressError extends Error {
  constructor(hostname: string, address: string) {
    super(`${hostname} is at ${address}, which is a loopback, private, link-local or otherwise special address`);
    this.name = 'ForbiddenAddressError';
  }
}

type Resolve = (hostname: string, options: { all: true }, callback: (error: Error | null, addresses: LookupAddress[]) => void) => void;

/**
 * A connector for undici that dials public addresses only. The check sits where the name has just been resolved and hands on
 * exactly the addresses it has seen, so a name that resolves differently a moment later (DNS rebinding) gains nothing. One
 * forbidden address among several refuses the whole name.
 */
export function publicOnlyConnector(options: { readonly connectTimeoutMs: number; readonly resolve?: Resolve }): buildConnector.connector {
  const resolve: Resolve = options.resolve ?? lookup;
  const checkedLookup: LookupFunction = (hostname, lookupOptions, callback) => {
    resolve(hostname, { ...lookupOptions, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, []);
      const forbidden = addresses.find(({ address }) => !isPublicAddress(address));
      if (forbidden !== undefined) return callback(new ForbiddenAddressError(hostname, forbidden.address), []);
      if (lookupOptions.all === true) return callback(null, addresses);
      const first = addresses[0];
      return first === undefined ? callback(new Error(`${hostname} has no address`), []) : callback(null, first.address, first.family);
    });
  };
  const connect = buildConnector({ timeout: options.connectTimeoutMs, allowH2: false, lookup: checkedLookup });
  return (target, callback) => {
    // An address written in the URL is dialled without a look-up.
    const literal = target.hostname.replace(/^\[|\]$/g, '');
    if (isIP(literal) !== 0 && !isPublicAddress(literal)) {
      callback(new ForbiddenAddressError(target.hostname, literal), null);
      return;
    }
    connect(target, callback);
  };
}
