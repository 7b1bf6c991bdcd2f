import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { contestedNames, contestedTemplates, contestedUris } from './collisions.js';

const of = (server: string, ...names: string[]) => ({ server, names });

describe('contestedNames', () => {
  it('names both servers of a name that two have, and no other name', () => {
    expect([...contestedNames([of('b', 'read', 'write'), of('a', 'read')])]).toEqual([['read', ['a', 'b']]]);
  });

  it('contests what looks like a prefixed name of the route, also of its own server', () => {
    expect([...contestedNames([of('a', 'read'), of('b', 'a__read', 'b__x', 'c__x')])]).toEqual([
      ['a__read', ['a', 'b']],
      ['b__x', ['b']],
    ]);
  });

  it('does not depend on the order of servers or names', () => {
    const published = fc.array(fc.record({ server: fc.constantFrom('a', 'b', 'c'), names: fc.array(fc.constantFrom('x', 'y', 'a__x', 'z'), { maxLength: 4 }) }), { maxLength: 4 });
    fc.assert(
      fc.property(published, (all) => {
        const sorted = (found: ReturnType<typeof contestedNames>) => [...found].sort(([one], [other]) => (one < other ? -1 : 1));
        expect(sorted(contestedNames([...all].reverse()))).toEqual(sorted(contestedNames(all)));
      }),
    );
  });
});

describe('contestedUris', () => {
  it('contests equal URIs and those that look like federated ones', () => {
    expect([...contestedUris([of('a', 'note://1', 'b+note://2'), of('b', 'note://1', 'ui://a+/x', 'ui://x')])]).toEqual([
      ['note://1', ['a', 'b']],
      ['b+note://2', ['a', 'b']],
      ['ui://a+/x', ['a', 'b']],
    ]);
  });
});

describe('contestedTemplates', () => {
  it('leaves templates alone whose URIs no other server can have', () => {
    expect(contestedTemplates([of('a', 'note://{id}', 'note://sub/{id}'), of('b', 'file://{path}')], [of('a', 'note://1'), of('b', 'file://x')]).size).toBe(0);
  });

  it.each([
    ['equal heads', [of('a', 'note://{id}'), of('b', 'note://{name}')], [], ['note://{id}', 'note://{name}']],
    ['one head within the other', [of('a', 'note://{id}'), of('b', 'note://b/{id}')], [], ['note://b/{id}', 'note://{id}']],
    ['a listed URI of another server', [of('a', 'note://{id}')], [of('b', 'note://7')], ['note://{id}']],
    ['a template for everything', [of('a', '{+uri}'), of('b', 'x://{id}')], [of('b', 'y://1')], ['x://{id}', '{+uri}']],
  ])('contests %s', (_what, templates, uris, expected) => {
    expect([...contestedTemplates(templates, uris).keys()].sort()).toEqual(expected);
  });

  it('takes hostile numbers of nested heads in its stride', () => {
    const names = Array.from({ length: 2_000 }, (_, index) => `${'a'.repeat(index)}{x}`);
    expect(contestedTemplates([of('a', ...names), of('b', ...names)], []).size).toBe(2_000);
  });
});
