import { describe, expect, it } from '@jest/globals';
import { appDomains, serverConfig } from '@mcpgw/contracts';
import { server } from '../edge.fixture.js';
import { AppDomains } from './app-domains.js';

const crm = server('acme', 'crm', []);
const allow = (connect: string[], resource: string[] = []) => appDomains.parse({ connectDomains: connect, resourceDomains: resource });
const app = (csp: unknown) => ({ uri: 'ui://x', _meta: { kept: 1, ui: { csp, prefersBorder: true } } });
const cspOf = (item: object) => (item as { _meta: { ui: { csp: unknown } } })._meta.ui.csp;

describe('AppDomains', () => {
  it('allows nothing that the configuration does not name, and tells what it cut', () => {
    const domains = new AppDomains(undefined);
    const cut = domains.cut(crm, app({ connectDomains: ['https://api.example.com'], frameDomains: ['https://frame.example.com'] }));
    expect(cut).toEqual({ uri: 'ui://x', _meta: { kept: 1, ui: { csp: {}, prefersBorder: true } } });
    expect(domains.report()).toEqual(['crm connectDomains https://api.example.com', 'crm frameDomains https://frame.example.com']);
  });

  it.each([
    ['the same origin', 'https://api.example.com', 'https://api.example.com', true],
    ['letters of another case', 'https://API.example.com', 'https://api.Example.com', true],
    ['a subdomain of a wildcard', 'https://*.example.com', 'https://a.b.example.com', true],
    ['a wildcard within a wildcard', 'https://*.example.com', 'https://*.a.example.com', true],
    ['the wildcard itself', 'https://*.example.com', 'https://*.example.com', true],
    ['the domain of a wildcard', 'https://*.example.com', 'https://example.com', false],
    ['a look-alike of a wildcard', 'https://*.example.com', 'https://evilexample.com', false],
    ['all subdomains of an exact one', 'https://example.com', 'https://*.example.com', false],
    ['another scheme', 'https://example.com', 'wss://example.com', false],
    ['another port', 'https://example.com', 'https://example.com:8443', false],
    ['a host that goes on', 'https://example.com', 'https://example.com.evil.net', false],
    ['everything', 'https://*.example.com', '*', false],
    ['a directive smuggled in', 'https://example.com', "https://example.com; script-src 'unsafe-eval'", false],
  ])('judges %s', (_what, allowed, asked, expected) => {
    expect(cspOf(new AppDomains(allow([allowed])).cut(crm, app({ connectDomains: [asked] })))).toEqual(expected ? { connectDomains: [asked] } : {});
  });

  it('keeps apart where apps may connect and where they may load from', () => {
    const csp = { connectDomains: ['https://a.com'], resourceDomains: ['https://a.com'] };
    expect(cspOf(new AppDomains(allow([], ['https://a.com'])).cut(crm, app(csp)))).toEqual({ resourceDomains: ['https://a.com'] });
  });

  it("adds a server's own origins to the organization's", () => {
    const own = { ...crm, config: serverConfig.parse({ ...crm.config, apps: { connectDomains: ['https://own.com'] } }) };
    const asked = app({ connectDomains: ['https://own.com', 'https://all.com'] });
    expect(new AppDomains(allow(['https://all.com'])).cut(own, asked)).toBe(asked);
    expect(cspOf(new AppDomains(undefined).cut(crm, asked))).toEqual({});
  });

  it('passes what has no policy as it is, and takes what is none for the strictest', () => {
    const domains = new AppDomains(undefined);
    for (const item of [{ uri: 'x' }, { _meta: {} }, { _meta: { ui: { resourceUri: 'ui://x' } } }]) expect(domains.cut(crm, item)).toBe(item);
    expect(cspOf(domains.cut(crm, app('default-src *')))).toEqual({});
  });
});
