import { describe, expect, it } from '@jest/globals';
import { paramHeaderValues, readParamHeaders } from './param-headers.js';

const region = { type: 'string', 'x-mcp-header': 'Region' };
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });

describe('readParamHeaders', () => {
  it('finds annotations along properties', () => {
    expect(readParamHeaders(object({ region, nested: object({ level: { type: 'integer', 'x-mcp-header': 'Level' } }), plain: { type: 'string' } }))).toEqual({
      ok: true,
      headers: [
        { header: 'mcp-param-region', path: ['region'] },
        { header: 'mcp-param-level', path: ['nested', 'level'] },
      ],
    });
  });

  it.each([
    ['a name that is no token', object({ a: { type: 'string', 'x-mcp-header': 'two words' } })],
    ['a name that is no string', object({ a: { type: 'string', 'x-mcp-header': 1 } })],
    ['an argument of another type', object({ a: { type: 'number', 'x-mcp-header': 'A' } })],
    ['an argument without type', object({ a: { 'x-mcp-header': 'A' } })],
    ['names equal but for case', object({ a: region, b: { type: 'string', 'x-mcp-header': 'REGION' } })],
    ['one in items', object({ list: { type: 'array', items: region } })],
    ['one in oneOf', object({}, { oneOf: [object({ region })] })],
    ['one in $defs', object({}, { $defs: { x: region } })],
    ['one on the root', { ...object({}), 'x-mcp-header': 'Root' }],
  ])('refuses %s', (_name, schema) => {
    expect(readParamHeaders(schema)).toMatchObject({ ok: false, reason: expect.any(String) });
  });

  it('takes data and arguments of that name for what they are', () => {
    expect(readParamHeaders(object({ 'x-mcp-header': { type: 'string', default: { 'x-mcp-header': 1 } } }))).toEqual({ ok: true, headers: [] });
  });

  it('gives up on a schema without end', () => {
    let schema: object = { type: 'string' };
    for (let n = 0; n < 200; n += 1) schema = { items: schema };
    expect(readParamHeaders(schema as Record<string, unknown>)).toMatchObject({ ok: false });
  });
});

describe('paramHeaderValues', () => {
  const headers = ['a', 'b', 'c', 'd', 'e', 'toString'].map((name) => ({ header: `mcp-param-${name}`, path: [name] }));

  it('writes strings, integers and booleans, and leaves the rest out', () => {
    expect(paramHeaderValues(headers, { a: 'x', b: 7, c: false, d: null, e: { f: 1 } })).toEqual({ 'mcp-param-a': 'x', 'mcp-param-b': '7', 'mcp-param-c': 'false' });
    expect(paramHeaderValues(headers, { a: 'ü' })).toEqual({ 'mcp-param-a': '=?base64?w7w=?=' });
    expect(paramHeaderValues(headers, undefined)).toEqual({});
  });
});
