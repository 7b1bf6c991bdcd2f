import { describe, expect, it } from '@jest/globals';
import { serverDefinition, type ServerView } from '@mcpgw/contracts';
import fc from 'fast-check';
import { server } from '../edge.fixture.js';
import { Endpoint } from './endpoint.js';
import { namingOf, type Naming } from './route-names.js';

interface Offered {
  readonly tools?: readonly string[];
  readonly prompts?: readonly string[];
  readonly resources?: readonly string[];
  readonly templates?: readonly string[];
  readonly skills?: readonly string[];
}

function offering(name: string, { tools = [], prompts = [], resources = [], templates = [], skills = [] }: Offered): ServerView {
  const base = server('acme', name, tools);
  return {
    ...base,
    definition: serverDefinition.parse({
      ...base.definition,
      prompts: prompts.map((prompt) => ({ name: prompt })),
      resources: resources.map((uri) => ({ uri, name: uri })),
      skills: skills.map((uri) => ({ uri })),
      resourceTemplates: templates.map((uriTemplate) => ({ uriTemplate, name: uriTemplate })),
    }),
  };
}

let made = 0;
const endpoint = (naming: Naming, ...servers: ServerView[]) => new Endpoint(`names ${(made += 1)}`, naming, servers);
const shown = (where: Endpoint, kind: 'tools' | 'prompts' | 'resources' | 'resourceTemplates') => [...where.offers(kind).keys()];
const A = { tools: ['read', 'only_a'], prompts: ['greet'], resources: ['note://1', 'ui://app'], templates: ['note://{id}'] };

describe('namingOf', () => {
  it.each([
    [undefined, 'federated'],
    [{ servers: ['a'] }, 'transparent'],
    [{ servers: ['a', 'b'] }, 'federated'],
    [{ servers: ['a'], prefix: 'always' }, 'federated'],
    [{ servers: ['a'], prefix: 'when-needed' }, 'transparent'],
    [{ servers: ['a', 'b'], prefix: 'when-needed' }, 'when-needed'],
    [{ servers: ['a', 'b'], prefix: 'never' }, 'never'],
  ] as const)('%j is %s', (route, expected) => {
    expect(namingOf(route as Parameters<typeof namingOf>[0])).toBe(expected);
  });
});

describe('a route that prefixes when needed', () => {
  const a = offering('a', A);
  const b = offering('b', { tools: ['read', 'only_b', 'a__x'], prompts: ['greet', 'bye'], resources: ['note://1', 'note://2', 'ui://app'], templates: ['mail://{id}'] });

  it('prefixes what two servers have or what looks prefixed, and nothing else', () => {
    const both = endpoint('when-needed', a, b);
    expect(shown(both, 'tools')).toEqual(['a__read', 'b__a__x', 'b__read', 'only_a', 'only_b']);
    expect(shown(both, 'prompts')).toEqual(['a__greet', 'b__greet', 'bye']);
    expect(shown(both, 'resources')).toEqual(['a+note://1', 'b+note://1', 'note://2', 'ui://a+/app', 'ui://b+/app']);
    expect(shown(both, 'resourceTemplates')).toEqual(['a+note://{id}', 'mail://{id}']);
  });

  it('leads each shown name to its server, and knows no other name for it', () => {
    const both = endpoint('when-needed', a, b);
    expect(both.find('tools', 'a__read')).toMatchObject({ server: { config: { name: 'a' } }, target: 'read' });
    expect(both.find('tools', 'read')).toBeUndefined();
    expect(both.find('tools', 'a__only_a')).toBeUndefined();
    expect(both.findResource('note://2')).toMatchObject({ server: { config: { name: 'b' } }, target: 'note://2' });
    expect(both.findResource('note://1')).toBeUndefined();
    expect(both.findResource('b+note://2')).toBeUndefined();
  });

  it('reads what a template makes: bare where one server alone can have made it, else with its server', () => {
    const both = endpoint('when-needed', a, b);
    expect(both.findResource('mail://7')).toMatchObject({ server: { config: { name: 'b' } }, target: 'mail://7', offer: undefined });
    expect(both.findResource('a+note://7')).toMatchObject({ server: { config: { name: 'a' } }, target: 'note://7' });
    expect(both.findResource('note://7')).toBeUndefined();
    expect(both.findResource('nowhere://7')).toBeUndefined();
  });

  it('shows every URI of a server under a name that leads back to it', () => {
    const withSkills = [offering('a', { ...A, skills: ['skill://s/SKILL.md', 'skill://t/SKILL.md'] }), offering('b', { resources: ['skill://s/x.md'], skills: ['skill://s/SKILL.md', 'skill://u/SKILL.md', 'skill://t/deep/SKILL.md'], templates: ['mail://{id}'] })] as const;
    const uri = fc.constantFrom('skill://s', 'skill://s/SKILL.md', 'skill://s/x.md', 'skill://t/SKILL.md', 'skill://t/deep/SKILL.md', 'skill://u/y', 'skill://', 'skill://a+/s/SKILL.md', 'note://1', 'note://2', 'note://9', 'mail://1', 'ui://app', 'ui://other', 'a+note://1', 'b+mail://2', 'plain', 'ui://b+/app');
    fc.assert(
      fc.property(fc.constantFrom<Naming>('transparent', 'federated', 'when-needed', 'never'), fc.boolean(), fc.boolean(), uri, (naming, first, skilled, own) => {
        const both = skilled ? withSkills : ([a, b] as const);
        const owner = both[first ? 0 : 1];
        const where = naming === 'transparent' ? endpoint(naming, owner) : endpoint(naming, ...both);
        expect(where.findResource(where.shownUri(owner, own))).toMatchObject({ server: { config: { name: owner.config.name } }, target: own });
      }),
    );
  });

  it('shows the same whatever the order of the servers, and while one of them is away', () => {
    const away: ServerView = { ...b, health: { state: 'failed', since: b.health.since, problem: 'away' } };
    for (const kind of ['tools', 'prompts', 'resources', 'resourceTemplates'] as const) {
      const expected = shown(endpoint('when-needed', a, b), kind);
      expect(shown(endpoint('when-needed', b, a), kind)).toEqual(expected);
      expect(shown(endpoint('when-needed', a, away), kind)).toEqual(expected);
    }
  });
});

describe('skills on a route that prefixes when needed', () => {
  it('go bare with all their files while no other server can have them, and prefixed with all of them else', () => {
    const one = offering('a', { skills: ['skill://s/SKILL.md', 'skill://t/SKILL.md'] });
    const other = offering('b', { skills: ['skill://t/SKILL.md'], resources: ['skill://t/only-b.md'] });
    const both = endpoint('when-needed', one, other);
    expect([...both.offers('skills').keys()]).toEqual(['skill://a+/t/SKILL.md', 'skill://b+/t/SKILL.md', 'skill://s/SKILL.md']);
    expect(['skill://s/x.md', 'skill://t/x.md'].map((uri) => both.shownUri(one, uri))).toEqual(['skill://s/x.md', 'skill://a+/t/x.md']);
    expect([...both.offers('resources').keys()]).toEqual(['skill://b+/t/only-b.md']);
    expect([...endpoint('never', one, other).offers('skills').keys()]).toEqual(['skill://s/SKILL.md']);
  });
});

describe('a route that never prefixes', () => {
  it('shows neither of two that collide, whatever the order, and says whose they are', () => {
    const a = offering('a', A);
    const b = offering('b', { tools: ['read', 'only_b'], resources: ['note://1'] });
    for (const servers of [[a, b], [b, a]]) {
      const both = endpoint('never', ...servers);
      expect(shown(both, 'tools')).toEqual(['only_a', 'only_b']);
      expect(shown(both, 'resources')).toEqual(['ui://app']);
      expect(both.find('tools', 'read')).toBeUndefined();
      expect([...both.names.contested('tools')]).toEqual([['read', ['a', 'b']]]);
    }
  });
});

describe('a server that publishes what another shows', () => {
  // What it is called elsewhere must lead elsewhere still, whichever of the two came first.
  it.each(['federated', 'when-needed', 'never'] as const)('gets none of its calls (%s)', (naming) => {
    const victim = offering('a', A);
    const names = [...endpoint(naming, victim, offering('c', {})).offers('tools').keys()];
    const uris = [...endpoint(naming, victim, offering('c', {})).offers('resources').keys()];
    const thief = offering('b', { tools: [...names, 'a__read'], prompts: ['a__greet'], resources: [...uris, 'a+note://1', 'ui://a+/app'], templates: ['{+all}'] });
    for (const servers of [[victim, thief], [thief, victim]]) {
      const both = endpoint(naming, ...servers);
      for (const name of [...names, 'a__read']) expect(both.find('tools', name)?.server.config.name ?? 'a').toBe('a');
      for (const uri of [...uris, 'a+note://1', 'ui://a+/app']) expect(both.findResource(uri)?.server.config.name ?? 'a').toBe('a');
      expect(both.find('prompts', 'a__greet')?.server.config.name ?? 'a').toBe('a');
    }
  });
});
