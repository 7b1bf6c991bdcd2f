import { describe, expect, it } from '@jest/globals';
import { serverConfig, type ServerView } from '@mcpgw/contracts';
import type { SecretBox } from '@mcpgw/platform-runtime';
import type { Catalog } from '../catalog/catalog.js';
import { server } from '../edge.fixture.js';
import { HttpTargets } from './http-targets.js';

describe('HttpTargets', () => {
  const found = server('acme', 'crm', ['get'], 'modern');
  const config = serverConfig.parse({ organization: 'acme', name: 'crm', http: { url: 'https://crm.example/mcp' } });

  function resolve(definition: ServerView['definition']): unknown {
    const view: ServerView = { config, revision: 1, health: found.health, ...(definition === undefined ? {} : { definition }) };
    const catalog = { view: { organization: () => ({ server: () => view, view: { secrets: [] } }) } } as unknown as Catalog;
    return new HttpTargets(catalog, {} as SecretBox).resolve(config.organization, config.name);
  }

  const definition = found.definition as NonNullable<ServerView['definition']>;

  it('speaks to a server as it was found to be: era, transport, and what it offers of the modern one', () => {
    expect(resolve(definition)).toMatchObject({ era: 'modern', tools: definition.tools, capabilities: definition.capabilities });
    expect(resolve({ ...definition, era: 'legacy', transport: 'sse' })).toEqual({ url: 'https://crm.example/mcp', headers: {}, allowPrivateNetwork: false, era: 'legacy', transport: 'sse' });
  });

  it('speaks to one that was never discovered as to a legacy one', () => {
    expect(resolve(undefined)).toEqual({ url: 'https://crm.example/mcp', headers: {}, allowPrivateNetwork: false, era: 'legacy' });
  });
});
