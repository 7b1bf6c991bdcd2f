import { describe, expect, it } from '@jest/globals';
import { askForLegacy, askForModern, askInTheNameOf, readInputRequired } from './asks.js';
import { canBeAsked, carriedCapabilities, isDeclaredAsk, NO_CAPABILITIES } from './capabilities.js';
import { declaresTasks, readTaskId, TASKS_EXTENSION, withoutTasks, withTasks } from './task.js';

describe('capabilities that are carried', () => {
  it.each([
    ['nothing', {}, {}],
    ['no object', 7, {}],
    ['an elicitation without modes', { elicitation: {} }, { elicitation: { form: {} } }],
    ['both modes', { elicitation: { form: {}, url: {} } }, { elicitation: { form: {}, url: {} } }],
    ['sampling with tools', { sampling: { tools: {}, other: {} } }, { sampling: { tools: {} } }],
    ['roots that change', { roots: { listChanged: true } }, { roots: {} }],
    ['what has the wrong type', { elicitation: true, sampling: 1, roots: [], extensions: 'x' }, {}],
    ['extensions', { extensions: { 'a/b': { c: 1 }, bad: 1 }, experimental: { x: {} } }, { extensions: { 'a/b': { c: 1 } } }],
  ])('%s', (_what, declared, carried) => {
    expect(carriedCapabilities(declared)).toEqual(carried);
  });

  it('are one known object when there are none', () => {
    expect(carriedCapabilities({ tools: {} })).toBe(NO_CAPABILITIES);
    expect(canBeAsked(NO_CAPABILITIES)).toBe(false);
  });

  it('keep the asks and drop the extensions that do not fit', () => {
    const carried = carriedCapabilities({ sampling: {}, extensions: { small: {}, large: { x: 'x'.repeat(3_000) }, late: {} } });
    expect(carried).toEqual({ sampling: {}, extensions: { small: {} } });
    expect(JSON.stringify(carried).length).toBeLessThanOrEqual(2_048);
  });
});

describe('what a server asks', () => {
  it.each([
    ['a form of a client with forms', { elicitation: { form: {} } }, 'elicitation/create', {}, true],
    ['a URL of a client with forms', { elicitation: { form: {} } }, 'elicitation/create', { mode: 'url' }, false],
    ['sampling with tools of a client without them', { sampling: {} }, 'sampling/createMessage', { tools: [] }, false],
    ['roots of a client with sampling', { sampling: {} }, 'roots/list', {}, false],
    ['a tool', { sampling: {} }, 'tools/call', {}, false],
  ])('%s: %#', (_what, capabilities, method, params, declared) => {
    expect(isDeclaredAsk(capabilities, method, params)).toBe(declared);
  });

  it('is read from a result, or refused with a reason', () => {
    const read = readInputRequired({ inputRequests: { k: { method: 'roots/list' } }, requestState: '' });
    expect(read).toMatchObject({ requestState: '' });
    expect(typeof read === 'string' ? [] : [...read.asks]).toEqual([['k', { method: 'roots/list', params: {} }]]);
    for (const bad of [{}, { requestState: 1 }, { inputRequests: [] }, { inputRequests: { k: 1 } }, { inputRequests: { k: { method: 'ping' } } }, { inputRequests: { k: { method: 'roots/list', params: 1 } } }, { inputRequests: { ['k'.repeat(300)]: { method: 'roots/list' } } }]) expect(typeof readInputRequired(bad)).toBe('string');
    expect(readInputRequired({ inputRequests: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, { method: 'roots/list' }])) })).toContain('more than 64');
  });

  it('loses what only the era of pushed requests has, and gains it on the way back', () => {
    const params = { mode: 'url', url: 'https://example.com', message: 'm', elicitationId: 'e', _meta: { progressToken: 1, kept: 2 } };
    expect(askForModern({ method: 'elicitation/create', params })).toEqual({ method: 'elicitation/create', params: { mode: 'url', url: 'https://example.com', message: 'm', _meta: { kept: 2 } } });
    expect(askForLegacy({ method: 'elicitation/create', params: { mode: 'url', _meta: { progressToken: 1 } } }, 'new')).toEqual({ mode: 'url', elicitationId: 'new' });
    expect(askForLegacy({ method: 'elicitation/create', params: { message: 'm' } }, 'new')).toEqual({ message: 'm' });
    expect(askInTheNameOf('crm', { method: 'elicitation/create', params: { message: 'm' } }).params).toEqual({ message: 'crm: m' });
    expect(askInTheNameOf('crm', { method: 'roots/list', params: {} }).params).toEqual({});
  });
});

describe('tasks', () => {
  it('are declared among the extensions, which can be added and taken away', () => {
    const declared = { sampling: {}, extensions: { other: {}, [TASKS_EXTENSION]: {} } };
    expect([declaresTasks(declared), declaresTasks({}), declaresTasks(undefined), declaresTasks({ extensions: { [TASKS_EXTENSION]: true } })]).toEqual([true, false, false, false]);
    expect(withTasks(declared)).toBe(declared);
    expect(withTasks(NO_CAPABILITIES)).toEqual({ extensions: { [TASKS_EXTENSION]: {} } });
    expect(withoutTasks(declared)).toEqual({ sampling: {}, extensions: { other: {} } });
    expect(withoutTasks(withTasks({ roots: {} }))).toEqual({ roots: {} });
    expect(withoutTasks(NO_CAPABILITIES)).toBe(NO_CAPABILITIES);
  });

  it('have ids that are strings of a bounded length', () => {
    expect(['a', '', 1, undefined, 'x'.repeat(1_025)].map(readTaskId)).toEqual(['a', undefined, undefined, undefined, undefined]);
  });
});
