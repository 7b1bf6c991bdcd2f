import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { classifyHttp, type McpHeaders } from './classify.js';
import { readMessage, type JsonObject, type Message } from './json-rpc.js';
import { encodeHeaderValue } from './mcp-headers.js';
import { negotiateLegacyVersion } from './versions.js';

const ENVELOPE = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };
const HEADERS: McpHeaders = { protocolVersion: '2026-07-28', method: 'tools/call', name: 'echo', accept: 'application/json, text/event-stream' };

function message(method: string, params?: JsonObject, id: number | null = 1): Message {
  return readMessage({ jsonrpc: '2.0', ...(id === null ? {} : { id }), method, ...(params === undefined ? {} : { params }) }) as Message;
}
const call = (params: JsonObject = {}, meta: JsonObject = ENVELOPE): Message => message('tools/call', { name: 'echo', ...params, _meta: meta });
const rejection = (headers: McpHeaders, body: Message) => {
  const outcome = classifyHttp({ headers, message: body });
  return outcome.kind === 'reject' ? [outcome.httpStatus, outcome.error.code] : outcome.kind;
};

describe('classifyHttp on the modern era', () => {
  it('reads the envelope', () => {
    const meta = { ...ENVELOPE, 'io.modelcontextprotocol/clientInfo': { name: 'c', version: '1' }, 'io.modelcontextprotocol/logLevel': 'info', progressToken: 7, traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
    expect(classifyHttp({ headers: HEADERS, message: call({}, meta) })).toMatchObject({
      kind: 'modern',
      envelope: { protocolVersion: '2026-07-28', clientInfo: { name: 'c', version: '1' }, clientCapabilities: {}, logLevel: 'info', progressToken: 7, traceparent: meta.traceparent },
    });
  });

  it('ignores a malformed trace context, as its standard asks', () => {
    expect(classifyHttp({ headers: HEADERS, message: call({}, { ...ENVELOPE, traceparent: 'x' }) })).toMatchObject({ kind: 'modern', envelope: { traceparent: undefined } });
  });

  // Streamable HTTP, header validation; users-and-attackers.md, test 6.
  it.each<[string, McpHeaders, Message]>([
    ['a missing version header', { ...HEADERS, protocolVersion: undefined }, call()],
    ['an older version header (downgrade)', { ...HEADERS, protocolVersion: '2025-11-25' }, call()],
    ['a missing method header', { ...HEADERS, method: undefined }, call()],
    ['another method', { ...HEADERS, method: 'tools/list' }, call()],
    ['another case of the method', { ...HEADERS, method: 'Tools/Call' }, call()],
    ['a missing name', { ...HEADERS, name: undefined }, call()],
    ['another name', { ...HEADERS, name: 'read_file' }, call({ name: 'delete_all' })],
    ['broken Base64', { ...HEADERS, name: '=?base64?!!!!?=' }, call()],
    ['Base64 that is not canonical', { ...HEADERS, name: '=?base64?ZWNobx==?=' }, call()],
    ['Base64 of broken UTF-8', { ...HEADERS, name: '=?base64?/w==?=' }, call({ name: '\ufffd' })],
    ['a sentinel in another case', { ...HEADERS, name: '=?BASE64?ZWNobw==?=' }, call()],
    ['the name of another resource', { ...HEADERS, method: 'resources/read', name: 'a://1' }, message('resources/read', { uri: 'a://2', _meta: ENVELOPE })],
  ])('refuses %s', (_name, headers, body) => {
    expect(rejection(headers, body)).toEqual([400, -32020]);
  });

  it.each<[string, McpHeaders, Message]>([
    ['white space around values', { ...HEADERS, protocolVersion: ' 2026-07-28\t', method: '\ttools/call ', name: '  echo ' }, call()],
    ['a Base64 name', { ...HEADERS, name: '=?base64?ZWNobw==?=' }, call()],
    ['a name that needs Base64', { ...HEADERS, name: encodeHeaderValue(' grüße ') }, call({ name: ' grüße ' })],
    ['a name that looks like the sentinel', { ...HEADERS, name: encodeHeaderValue('=?base64?x?=') }, call({ name: '=?base64?x?=' })],
    ['a name that is half a sentinel', { ...HEADERS, name: '=?base64?ZWNobw==' }, call({ name: '=?base64?ZWNobw==' })],
    ['no name where none is due', { protocolVersion: '2026-07-28', method: 'tools/list' }, message('tools/list', { _meta: ENVELOPE })],
  ])('accepts %s', (_name, headers, body) => {
    expect(rejection(headers, body)).toBe('modern');
  });

  it.each<[string, Message]>([
    ['no params', message('tools/call')],
    ['no _meta', message('tools/call', { name: 'echo' })],
    ['no version', call({}, { 'io.modelcontextprotocol/clientCapabilities': {} })],
    ['no capabilities', call({}, { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' })],
    ['a version that is no string', call({}, { ...ENVELOPE, 'io.modelcontextprotocol/protocolVersion': 1 })],
    ['a client without version', call({}, { ...ENVELOPE, 'io.modelcontextprotocol/clientInfo': { name: 'x' } })],
    ['an unknown log level', call({}, { ...ENVELOPE, 'io.modelcontextprotocol/logLevel': 'loud' })],
    ['a progress token that is an object', call({}, { ...ENVELOPE, progressToken: {} })],
  ])('names what is missing in an envelope with %s', (_name, body) => {
    expect(rejection(HEADERS, body)).toEqual([400, -32602]);
  });

  it('lists the supported versions to one that asks for another', () => {
    const body = call({}, { ...ENVELOPE, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' });
    expect(classifyHttp({ headers: { ...HEADERS, protocolVersion: '2099-01-01' }, message: body })).toMatchObject({
      kind: 'reject',
      httpStatus: 400,
      error: { code: -32022, data: { supported: ['2026-07-28'], requested: '2099-01-01' } },
    });
  });

  it.each(['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe', 'tasks/list'])('knows no %s', (method) => {
    expect(rejection({ protocolVersion: '2026-07-28', method }, message(method, { _meta: ENVELOPE }))).toEqual([404, -32601]);
  });

  it('takes notifications without envelope, but not with a false header', () => {
    const cancelled = message('notifications/cancelled', { requestId: 1 }, null);
    expect(rejection({ protocolVersion: '2026-07-28' }, cancelled)).toBe('modern-notification');
    expect(rejection({ protocolVersion: '2026-07-28', method: 'tools/call' }, cancelled)).toEqual([400, -32020]);
    expect(rejection({}, message('notifications/cancelled', { _meta: ENVELOPE }, null))).toEqual([400, -32020]);
  });

  it('takes no posted responses', () => {
    expect(rejection({ protocolVersion: '2026-07-28' }, readMessage({ jsonrpc: '2.0', id: 1, result: {} }) as Message)).toEqual([400, -32600]);
  });
});

describe('classifyHttp on the legacy era', () => {
  it('keeps header version and session', () => {
    expect(classifyHttp({ headers: { protocolVersion: '2025-06-18', sessionId: 's' }, message: message('tools/list') })).toMatchObject({ kind: 'legacy', protocolVersion: '2025-06-18', sessionId: 's' });
    expect(classifyHttp({ headers: {}, message: message('initialize', { protocolVersion: '2025-11-25' }) })).toMatchObject({ kind: 'legacy', protocolVersion: undefined });
    expect(rejection({ sessionId: 's' }, readMessage({ jsonrpc: '2.0', id: 1, result: {} }) as Message)).toBe('legacy');
  });

  // users-and-attackers.md, test 7: the headers of an older version are no claim that anybody could trust.
  it.each([{ protocolVersion: '2025-11-25' }, {}])('reads the body alone, whatever Mcp-Method and Mcp-Name say', (version) => {
    const body = message('tools/call', { name: 'delete_all' });
    const outcome = classifyHttp({ headers: { ...version, method: 'tools/list', name: 'read_file' }, message: body });
    expect(outcome).toMatchObject({ kind: 'legacy', message: { method: 'tools/call', params: { name: 'delete_all' } } });
  });

  it('refuses a version that nobody knows', () => {
    expect(rejection({ protocolVersion: '1999-01-01' }, message('tools/list'))).toEqual([400, -32022]);
  });

  it('answers initialize with the version asked for, else with the latest', () => {
    expect(['2024-11-05', '2025-11-25', '2026-07-28', 'x', undefined].map(negotiateLegacyVersion)).toEqual(['2024-11-05', '2025-11-25', '2025-11-25', '2025-11-25', '2025-11-25']);
  });
});

describe('classifyHttp', () => {
  it('refuses only an Accept that could read no answer', () => {
    expect(rejection({ accept: 'text/html' }, message('tools/list'))).toEqual([406, -32600]);
    for (const accept of ['*/*', 'application/json', 'text/event-stream', 'Application/JSON;q=0.9, text/*']) expect(rejection({ accept }, message('tools/list'))).toBe('legacy');
  });

  it('never throws', () => {
    const header = fc.option(fc.oneof(fc.string(), fc.constantFrom('2026-07-28', '2025-11-25', 'tools/call', '=?base64?ZWNobw==?=')), { nil: undefined });
    const headers = fc.record({ protocolVersion: header, method: header, name: header, sessionId: header, accept: header });
    const params = fc.option(fc.dictionary(fc.constantFrom('name', 'uri', '_meta', '__proto__', 'x'), fc.oneof(fc.jsonValue(), fc.constant(ENVELOPE))), { nil: undefined });
    fc.assert(
      fc.property(headers, fc.constantFrom('tools/call', 'initialize', 'constructor', 'x'), params, fc.boolean(), (given, method, body, isCall) => {
        const read = readMessage({ jsonrpc: '2.0', method, ...(isCall ? { id: 1 } : {}), ...(body === undefined ? {} : { params: body }) });
        if (read.kind !== 'batch' && read.kind !== 'invalid') expect(classifyHttp({ headers: given, message: read })).toHaveProperty('kind');
      }),
      { numRuns: 1_000 },
    );
  });
});
