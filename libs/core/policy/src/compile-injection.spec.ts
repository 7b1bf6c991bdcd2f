import { createRequire } from 'node:module';
import type * as CedarWasm from '@cedar-policy/cedar-wasm/nodejs';
import type { PolicyRule, RoleConfig } from '@mcpgw/contracts';
import fc from 'fast-check';
import { compileRoles } from './compile-roles.js';

const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as typeof CedarWasm;

const hostile = fc.oneof(
  fc.constantFrom('"', '\\', '\\"', '*', '\\*', '\\u{2a}', '") || true || ("', '", resource) }; permit(principal, action, resource); //', '\n', '\r\n', '\u0000', '\u2028', '\u202e', '/*', '//', '?principal', '@id("x")', '😀', 'ä', "'", '${', '$', '__entity'),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const hostileText = fc.array(hostile, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')).filter((text) => text !== '');
const noAttribute = hostileText.filter((text) => !text.includes('${'));
const server = hostileText.map((text) => text.replaceAll(/[/:]/g, '')).filter((text) => text !== '');
const argument = hostileText.map((text) => text.replaceAll('.', '')).filter((text) => text !== '' && !text.startsWith('__'));

function compileOne(role: string, rule: PolicyRule): { text: string; findings: readonly unknown[] } {
  const { policies, findings } = compileRoles('acme', [{ organization: 'acme', name: role, rules: [rule] } as unknown as RoleConfig]);
  return { text: policies[0]?.cedar ?? '', findings };
}

function jsonOf(text: string): CedarWasm.PolicyJson {
  const answer = cedar.policyToJson(text);
  if (answer.type === 'failure') throw new Error(`Cedar refuses ${text}: ${answer.errors.map((error) => error.message).join()}`);
  return answer.json;
}

const pattern = (glob: string): readonly unknown[] => Array.from(glob, (character) => (character === '*' ? 'Wildcard' : { Literal: character }));
const attributeOf = (variable: string, attr: string) => ({ '.': { left: { Var: variable }, attr } });
const matchJson = (attribute: string, glob: string): readonly unknown[] => {
  if (/^\*+$/.test(glob)) return [];
  const left = attributeOf('resource', attribute);
  return [glob.includes('*') ? { like: { left, pattern: pattern(glob) } } : { '==': { left, right: { Value: glob } } }];
};
const allOf = (terms: readonly unknown[]): unknown => terms.reduce((left, right) => ({ '&&': { left, right } }));

describe('compiled text', () => {
  it('says to Cedar exactly what the rule says, whatever characters its strings hold', () => {
    fc.assert(
      fc.property(hostileText, server, hostileText, argument, noAttribute, noAttribute, (role, serverPattern, target, path, value, like) => {
        const { text, findings } = compileOne(role, { allow: `${serverPattern}/${target}`, when: { arguments: { [path]: { equals: value, like } } } });
        expect(findings).toEqual([]);
        const values = { left: attributeOf('context', 'arguments'), attr: path };
        const terms = [...matchJson('server', serverPattern), ...matchJson('name', target), { has: values }, { '==': { left: { '.': values }, right: { Value: value } } }, { like: { left: { '.': values }, pattern: pattern(like) } }];
        expect(jsonOf(text)).toEqual({
          effect: 'permit',
          principal: { op: 'in', entity: { type: 'Gw::Role', id: role } },
          action: { op: '==', entity: { type: 'Gw::Action', id: 'tools/call' } },
          resource: { op: 'All' },
          conditions: [{ kind: 'when', body: allOf(terms) }],
          annotations: { id: `${role}#1` },
        });
      }),
      { numRuns: 300 },
    );
  });

  it('survives Cedar reading and writing it', () => {
    fc.assert(
      fc.property(hostileText, server, hostileText, argument, noAttribute, (role, serverPattern, target, path, value) => {
        const { text } = compileOne(role, { deny: `${serverPattern}/${target}`, when: { arguments: { [path]: { in: [value, 5, '${consumer.owner}'], notEquals: '${consumer.owner}' } } } });
        const json = jsonOf(text);
        const written = cedar.policyToText(json);
        expect(written.type).toBe('success');
        expect(jsonOf(written.type === 'success' ? written.text : '')).toEqual(json);
      }),
      { numRuns: 200 },
    );
  });

  it('is plain ASCII, so that nothing can hide in it', () => {
    const { text } = compileOne('r\u202eole', { allow: 'crm/ä😀*', when: { arguments: { ключ: 'значение\u2028' } } });
    expect(text).toMatch(/^[\x20-\x7e\n]+$/);
  });

  it.each([
    ['a role', 'r\ud800', { allow: 'crm/x' }],
    ['a target', 'r', { allow: 'crm/\ud800' }],
    ['a value', 'r', { allow: 'crm/x', when: { arguments: { a: '\udc00' } } }],
    ['a pattern', 'r', { allow: 'crm/x', when: { arguments: { a: { like: '\udc00*' } } } }],
    ['an argument', 'r', { allow: 'crm/x', when: { arguments: { '\udc00': 1 } } }],
  ])('does not come to be from half a character in %s', (_what, role, rule) => {
    expect(compileOne(role, rule).findings).not.toEqual([]);
  });
});
