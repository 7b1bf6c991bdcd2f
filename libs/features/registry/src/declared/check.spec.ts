import { describe, expect, test } from '@jest/globals';
import { gatewayConfig } from '@mcpgw/contracts';
import { acme } from '../fixtures/registry-fixture.js';
import { check, nameObject } from './check.js';
import { suggest } from './suggest.js';

describe('check', () => {
  test('finds nothing wrong with a sound configuration', () => {
    expect(check(acme())).toEqual([]);
  });

  test('lists all faults at once, each at its place, with the name that was meant', () => {
    const config = gatewayConfig.parse({
      organizations: [{ name: 'acme' }, { name: 'operator' }],
      servers: [
        { organization: 'acme', name: 'files', stdio: { command: 'node' } },
        { organization: 'acme', name: 'files', stdio: { command: 'node' } },
        { organization: 'acne', name: 'other', stdio: { command: 'node' } },
      ],
      routes: [{ organization: 'acme', name: 'main', servers: ['files', 'flies', 'files'] }],
      roles: [{ organization: 'acme', name: 'reader', rules: [] }],
      consumers: [{ organization: 'acme', name: 'agent', roles: ['raeder'] }],
      limits: [
        { organization: 'acme', name: 'one', tool: 'filse/*', calls: 1, per: 'second' },
        { organization: 'acme', name: 'two', tool: 'f*/*', calls: 1, per: 'second' },
      ],
    });
    const findings = check(config);
    expect(findings.map((finding) => finding.path)).toEqual(['servers[1].name', 'organizations[1].name', 'servers[2].organization', 'routes[0].servers[1]', 'routes[0].servers[2]', 'consumers[0].roles[0]', 'limits[0].tool']);
    expect(findings[0]?.message).toContain('servers[0]');
    expect(findings[2]?.message).toContain('Did you mean "acme"?');
    expect(findings[3]?.message).toBe('There is no server "flies" in the organization "acme". Did you mean "files"?');
    expect(findings[5]?.message).toContain('Did you mean "reader"?');
    expect(findings[6]?.message).toContain('Did you mean "files"?');
  });

  test('does not let one organization refer to what another has', () => {
    const config = gatewayConfig.parse({
      organizations: [{ name: 'acme' }, { name: 'globex' }],
      servers: [{ organization: 'acme', name: 'files', stdio: { command: 'node' } }],
      routes: [{ organization: 'globex', name: 'main', servers: ['files'] }],
    });
    expect(check(config)).toEqual([{ path: 'routes[0].servers[0]', message: 'There is no server "files" in the organization "globex".' }]);
  });

  test('passes on what is wrong with a role', () => {
    const config = acme({ roles: [{ organization: 'acme', name: 'reader', rules: [{ allow: 'files/*', when: { arguments: { owner: { lessThan: 3, like: 'a*' } } } }] }] });
    const paths = check(config).map((finding) => finding.path);
    expect(paths.every((path) => path.startsWith('roles[0].rules[0]'))).toBe(true);
  });

  test('names objects instead of positions for who changes only one of them', () => {
    const config = acme({ servers: [] });
    expect(check(config).map((finding) => nameObject(finding, config).path)).toEqual(['routes/acme/main.servers[0]', 'routes/acme/main.servers[1]', 'limits/acme/gentle.tool']);
  });
});

describe('suggest', () => {
  test.each([
    ['flies', ['files', 'crm'], 'files'],
    ['customer-db', ['customers-db', 'crm'], 'customers-db'],
    ['xyz', ['files', 'crm'], undefined],
    ['ab', ['cd'], undefined],
  ])('%s of %j is %s', (name, known, expected) => {
    expect(suggest(name, known)).toBe(expected);
  });
});
