import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose';
import { consumerConfig, organizationConfig, type OrganizationView } from '@mcpgw/contracts';
import { organization, request, TestEdge } from '../edge.fixture.js';

const ISSUER = 'https://id.example.com';

describe('JWT bearer tokens', () => {
  const edge = new TestEdge();
  let keys: Server;
  let signing: CryptoKey;
  let stranger: CryptoKey;

  beforeAll(async () => {
    const pair = await generateKeyPair('ES256');
    signing = pair.privateKey;
    stranger = (await generateKeyPair('ES256')).privateKey;
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' }] });
    keys = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(jwks)).listen(0, '127.0.0.1');
    await once(keys, 'listening');
    const jwksUrl = `http://127.0.0.1:${(keys.address() as AddressInfo).port}/jwks`;
    const trusting = (name: string, audience: string): OrganizationView =>
      organization(name, {
        organization: organizationConfig.parse({ name, jwt: [{ issuer: ISSUER, jwksUrl, audience, attributes: { customer_id: 'customer' } }] }),
        consumers: [consumerConfig.parse({ organization: name, name: 'off', roles: ['agent'], disabled: true }), consumerConfig.parse({ organization: name, name: 'known', roles: ['agent'] })],
      });
    edge.registry.views.set('acme', trusting('acme', 'https://gw/acme'));
    edge.registry.views.set('globex', trusting('globex', 'https://gw/globex'));
    await edge.start();
  });
  afterAll(async () => {
    await edge.close();
    keys.close();
  });

  function token(claims: JWTPayload = {}, { key = signing, expires = '1m' }: { key?: CryptoKey; expires?: string | null } = {}): Promise<string> {
    const jwt = new SignJWT({ iss: ISSUER, aud: 'https://gw/acme', sub: 'ann', client_id: 'desk', roles: ['agent', 'nonsense'], ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'k1' });
    return (expires === null ? jwt : jwt.setExpirationTime(expires)).sign(key);
  }

  const list = async (jwt: string) => edge.post(jwt, request('tools/list'));
  const principal = () => edge.entries.written.at(-1)?.principal;

  it('make a principal of consumer, user and the roles that exist', async () => {
    expect((await list(await token())).status).toBe(200);
    expect(principal()).toEqual({ consumer: 'desk', user: 'ann', roles: ['agent'] });
    expect(edge.entries.written.at(-1)?.organization).toBe('acme');
  });

  it('belong to the organization of their audience when two trust one issuer', async () => {
    await list(await token({ aud: 'https://gw/globex' }));
    expect(edge.entries.written.at(-1)?.organization).toBe('globex');
    expect((await list(await token({ aud: ['https://gw/globex', 'https://gw/acme'] }))).status).toBe(401);
  });

  it('of a registered consumer have its roles too', async () => {
    await list(await token({ client_id: 'known', roles: [] }));
    expect(principal()).toMatchObject({ consumer: 'known', roles: ['agent'] });
  });

  it('fall back to azp, then sub, for the consumer', async () => {
    await list(await token({ client_id: undefined, azp: 'by-azp' }));
    expect(principal()).toMatchObject({ consumer: 'by-azp' });
    await list(await token({ client_id: undefined }));
    expect(principal()).toMatchObject({ consumer: 'ann' });
  });

  it.each([
    ['another audience', () => token({ aud: 'https://upstream' })],
    ['another issuer', () => token({ iss: 'https://evil.test' })],
    ["a stranger's signature", () => token({}, { key: stranger })],
    ['an expiry in the past', () => token({}, { expires: '-1m' })],
    ['no expiry', () => token({}, { expires: null })],
    ['a beginning in the future', () => token({ nbf: Math.floor(Date.now() / 1_000) + 600 })],
    ['a disabled consumer', () => token({ client_id: 'off' })],
    ['control characters in its consumer', () => token({ client_id: 'a\nb', sub: 'c\nd' })],
    ['no signature', async () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await token()).split('.')[1]}.`],
    ['a symmetric signature', async () => new SignJWT({ iss: ISSUER, aud: 'https://gw/acme', sub: 'x' }).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).setExpirationTime('1m').sign(new TextEncoder().encode('x'.repeat(32)))],
  ])('with %s are refused', async (_what, make) => {
    const { status, headers } = await list(await make());
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe('Bearer');
    expect(edge.entries.written.at(-1)).toMatchObject({ phase: 'denied', organization: 'operator' });
  });
});
