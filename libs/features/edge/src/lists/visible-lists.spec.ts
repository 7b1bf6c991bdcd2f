import { describe, expect, it } from '@jest/globals';
import type { OrganizationName } from '@mcpgw/contracts';
import type { Principal } from '../authn/principal.js';
import { Endpoint } from '../catalog/endpoint.js';
import { FakePolicy, server } from '../edge.fixture.js';
import { VisibleLists } from './visible-lists.js';

const principal = (...roles: string[]): Principal => ({ organization: 'acme' as OrganizationName, consumer: 'agent', roles, attributes: {} });
const names = (items: string): string[] => (JSON.parse(`[${items}]`) as { name: string }[]).map(({ name }) => name);
const tools = (count: number): string[] => Array.from({ length: count }, (_, i) => `tool_${String(i).padStart(5, '0')}`);

describe('VisibleLists', () => {
  it('orders by shown name, whatever the order of servers and tools', () => {
    const one = new Endpoint('1', 'federated', [server('acme', 'b', ['y', 'x']), server('acme', 'a', ['z'])]);
    const other = new Endpoint('2', 'federated', [server('acme', 'a', ['z']), server('acme', 'b', ['x', 'y'])]);
    const lists = new VisibleLists(new FakePolicy());
    expect(lists.list(principal('agent'), one, 'tools').page(undefined)).toEqual(lists.list(principal('agent'), other, 'tools').page(undefined));
    expect(lists.list(principal('agent'), one, 'tools').fingerprint).toBe(lists.list(principal('agent'), other, 'tools').fingerprint);
  });

  it('shows each set of roles its own list', () => {
    const policy = new FakePolicy();
    policy.allowed = (roles, _action, _server, target) => roles.includes(target);
    const lists = new VisibleLists(policy);
    const endpoint = new Endpoint('1', 'federated', [server('acme', 'a', ['x', 'y'])]);
    expect(names(lists.list(principal('x'), endpoint, 'tools').page(undefined)?.items ?? '')).toEqual(['a__x']);
    expect(names(lists.list(principal('x', 'y'), endpoint, 'tools').page(undefined)?.items ?? '')).toEqual(['a__x', 'a__y']);
    expect(names(lists.list(principal(), endpoint, 'tools').page(undefined)?.items ?? '')).toEqual([]);
  });

  it('asks the policy again once its digest is another', () => {
    const policy = new FakePolicy();
    const lists = new VisibleLists(policy);
    const endpoint = new Endpoint('1', 'federated', [server('acme', 'a', ['x'])]);
    expect(lists.list(principal('agent'), endpoint, 'tools').offers).toHaveLength(1);
    policy.change(() => false);
    expect(lists.list(principal('agent'), endpoint, 'tools').offers).toHaveLength(0);
  });

  it('gives 2,000 tools in one page, serialised once', () => {
    let asked = 0;
    const policy = new FakePolicy();
    policy.allowed = () => ++asked > 0;
    const lists = new VisibleLists(policy);
    const endpoint = new Endpoint('1', 'federated', [server('acme', 'a', tools(2_000))]);
    const page = lists.list(principal('agent'), endpoint, 'tools').page(undefined);
    expect(page?.nextCursor).toBeUndefined();
    expect(lists.list(principal('agent'), endpoint, 'tools').page(undefined)).toBe(page);
    expect(asked).toBe(2_000);
  });

  it('pages through more, each item once', () => {
    const list = new VisibleLists(new FakePolicy()).list(principal('agent'), new Endpoint('1', 'federated', [server('acme', 'a', tools(12_000))]), 'tools');
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = list.page(cursor);
      seen.push(...names(page?.items ?? ''));
      cursor = page?.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(tools(12_000).map((tool) => `a__${tool}`));
  });

  it('knows no cursor but its own', () => {
    const list = new VisibleLists(new FakePolicy()).list(principal('agent'), new Endpoint('1', 'federated', [server('acme', 'a', ['x'])]), 'tools');
    expect(list.page('made-up')).toBeUndefined();
    expect(list.page('')).toBeUndefined();
  });
});
