import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { federatedName, federatedUri, splitUri } from './names.js';

const server = fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/);

describe('federatedName', () => {
  it('joins server and name when that fits', () => {
    expect(federatedName('crm', 'get_customer')).toBe('crm__get_customer');
    expect(federatedName('crm', 'x'.repeat(59))).toBe(`crm__${'x'.repeat(59)}`);
  });

  it('marks every name that it had to change with the hash of the full one', () => {
    const hash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 8);
    expect(federatedName('crm', 'get.customer')).toBe(`crm__get_customer_${hash('crm/get.customer')}`);
    expect(federatedName('crm', 'x'.repeat(60))).toBe(`crm__${'x'.repeat(50)}_${hash(`crm/${'x'.repeat(60)}`)}`);
    expect(federatedName('crm', 'größe')).toBe(`crm__gr__e_${hash('crm/größe')}`);
  });

  // Names cut at the tail or with characters replaced became equal in other gateways.
  it('keeps names apart that are equal but for what was cut or replaced', () => {
    const names = ['a.b', 'a/b', 'a b', 'a_b', `${'y'.repeat(80)}1`, `${'y'.repeat(80)}2`, ''];
    expect(new Set(names.map((name) => federatedName('s', name))).size).toBe(names.length);
  });

  it('is always a name that model providers take, and names the server up to the first double underscore', () => {
    fc.assert(
      fc.property(server, fc.string({ maxLength: 200 }), (owner, name) => {
        const shown = federatedName(owner, name);
        expect(shown).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        expect(shown.slice(0, shown.indexOf('__'))).toBe(owner);
        expect(federatedName(owner, name)).toBe(shown);
      }),
    );
  });
});

describe('federatedUri', () => {
  it('comes back from splitUri', () => {
    fc.assert(fc.property(server, fc.string({ minLength: 1 }), (owner, uri) => expect(splitUri(federatedUri(owner, uri))).toEqual({ server: owner, uri })));
    expect(splitUri('git+git+ssh://x')).toEqual({ server: 'git', uri: 'git+ssh://x' });
  });

  // Hosts take a URI for an app or a skill by how it begins, and a skill's last folder must be its name.
  it.each([
    ['ui://weather/app.html', 'ui://crm+/weather/app.html'],
    ['skill://refunds/SKILL.md', 'skill://crm+/refunds/SKILL.md'],
    ['ui://', 'ui://crm+/'],
  ])('keeps the scheme of %s', (uri, shown) => {
    expect(federatedUri('crm', uri)).toBe(shown);
    expect(splitUri(shown)).toEqual({ server: 'crm', uri });
  });

  it.each(['demo://x', '+x', 'crm+', 'CRM+x', 'a/b+c', ''])('finds no server in %p', (uri) => {
    expect(splitUri(uri)).toBeUndefined();
  });
});
