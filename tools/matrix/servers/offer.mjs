// What every server of the matrix offers, in no era's words. `host` is what a server may do during a call: progress, log, ask.
export const PAGE = 5;
export const WATCHED_URI = 'matrix://watched';
export const LAST_FILLER = 'filler_11';
const COMPLETIONS = ['Ada', 'Alan', 'Barbara', 'Grace'];

/** First revision that has the tool's subject. */
const TOOLS = {
  echo: { since: '2024-11-05', properties: { text: { type: 'string' } }, run: ({ text }) => text },
  fail: { since: '2024-11-05', run: () => Promise.reject(new ToolFault('as it was told to')) },
  trace: { since: '2024-11-05', run: (_, host) => JSON.stringify(host.meta.traceparent ?? null) },
  count: { since: '2024-11-05', run: count },
  slow: { since: '2024-11-05', properties: { key: { type: 'string' } }, run: slow },
  status: { since: '2024-11-05', properties: { key: { type: 'string' } }, run: ({ key }, host) => host.state.noted(key) },
  log: { since: '2024-11-05', properties: { text: { type: 'string' } }, run: log },
  publish: { since: '2024-11-05', properties: { name: { type: 'string' } }, run: ({ name }, host) => (host.state.publish(name), 'published') },
  retract: { since: '2024-11-05', properties: { name: { type: 'string' } }, run: ({ name }, host) => (host.state.retract(name), 'retracted') },
  touch: { since: '2024-11-05', properties: { text: { type: 'string' } }, run: ({ text }, host) => ((host.state.watched = text), 'written') },
  ask_sampling: { since: '2024-11-05', run: askSampling },
  ask_roots: { since: '2024-11-05', run: askRoots },
  ask_form: { since: '2025-06-18', run: askForm },
  ask_url: { since: '2025-11-25', run: askUrl },
};

/** A fault of the tool itself, which the caller is told as a result. */
export class ToolFault extends Error {}

/** Twelve tools more than the page holds, so that only who follows the cursors sees the last. */
export function listTools(version, state) {
  const offered = Object.entries(TOOLS).filter(([, { since }]) => version >= since);
  const fillers = Array.from({ length: 12 }, (_, index) => tool(`filler_${String(index).padStart(2, '0')}`, {}));
  return [...offered.map(([name, { properties }]) => tool(name, properties ?? {})), ...state.names().map((name) => tool(name, {})), ...fillers];
}

function tool(name, properties) {
  return { name, description: `The tool ${name} of the compatibility matrix.`, inputSchema: { type: 'object', properties } };
}

export async function callTool(version, name, args, host) {
  const known = Object.hasOwn(TOOLS, name) && version >= TOOLS[name].since ? TOOLS[name] : undefined;
  if (!known && !listTools(version, host.state).some((listed) => listed.name === name)) return undefined;
  try {
    return { content: [{ type: 'text', text: String(known ? await known.run(args, host) : name) }] };
  } catch (error) {
    if (error instanceof ToolFault) return { content: [{ type: 'text', text: error.message }], isError: true };
    throw error;
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Works a moment for each step, and longer at the end: the SDK's client drops progress that arrives in one piece with the answer. */
async function count(_, host) {
  for (let step = 1; step <= 4; step++) {
    await host.progress(step, 4, `step ${step}`);
    await pause(step < 4 ? 25 : 200);
  }
  return 'counted';
}

/** Runs until it is cancelled, or for half a minute. */
function slow({ key }, host) {
  host.state.note(key, 'running');
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('nobody cancelled'), 30_000);
    host.signal.addEventListener('abort', () => {
      clearTimeout(timer);
      host.state.note(key, 'cancelled');
      resolve('cancelled');
    });
  });
}

async function log({ text }, host) {
  await host.log('debug', `debug ${text}`);
  await host.log('warning', `warning ${text}`);
  return 'logged';
}

async function askSampling(_, host) {
  const answer = await host.ask('sample', 'sampling', 'sampling/createMessage', { messages: [{ role: 'user', content: { type: 'text', text: 'Say a word.' } }], maxTokens: 16 });
  return `sampled ${answer.content.text}`;
}

async function askRoots(_, host) {
  const { roots } = await host.ask('roots', 'roots', 'roots/list', {});
  return `roots ${roots.map(({ uri }) => uri).join()}`;
}

async function askForm(_, host) {
  const requestedSchema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
  const first = await host.ask('first', 'elicitation', 'elicitation/create', { message: 'Your first name?', requestedSchema });
  const second = await host.ask('second', 'elicitation', 'elicitation/create', { message: 'Your last name?', requestedSchema });
  return `${first.action} ${first.content?.name} ${second.action} ${second.content?.name}`;
}

async function askUrl(_, host) {
  const { action } = await host.ask('visit', 'elicitationUrl', 'elicitation/create', { mode: 'url', message: 'Please visit.', url: 'https://example.com/visit', ...host.elicitationId() });
  return `visited ${action}`;
}

const resource = (name) => ({ uri: `matrix://${name}`, name, mimeType: 'text/plain' });

export function listResources(state) {
  return [resource('plain'), resource('watched'), ...state.names().map(resource)];
}

export const TEMPLATES = [{ uriTemplate: 'matrix://item/{id}', name: 'item', mimeType: 'text/plain' }];

/** Nothing for an unknown one. */
export function readResource(uri, state) {
  const item = /^matrix:\/\/item\/([^/]+)$/.exec(uri)?.[1];
  const text = item !== undefined ? `item ${item}` : uri === WATCHED_URI ? state.watched : listResources(state).some((one) => one.uri === uri) ? `text of ${uri}` : undefined;
  return text === undefined ? undefined : { contents: [{ uri, mimeType: 'text/plain', text }] };
}

export function listPrompts(state) {
  return [{ name: 'greet', description: 'Greets somebody.', arguments: [{ name: 'name', required: true }] }, ...state.names().map((name) => ({ name }))];
}

export function getPrompt(name, args, state) {
  if (!listPrompts(state).some((prompt) => prompt.name === name)) return undefined;
  return { messages: [{ role: 'user', content: { type: 'text', text: `Greet ${args?.name ?? 'everybody'}.` } }] };
}

export function complete({ value }) {
  const values = COMPLETIONS.filter((name) => name.toLowerCase().startsWith(value.toLowerCase()));
  return { completion: { values, total: values.length, hasMore: false } };
}

/** A page and the cursor of the next one; `undefined` for a cursor that was never given out. */
export function page(items, cursor, key) {
  const from = cursor === undefined ? 0 : Number(/^from-(\d+)$/.exec(cursor)?.[1] ?? Number.NaN);
  if (!(from <= items.length)) return undefined;
  const next = from + PAGE;
  return { [key]: items.slice(from, next), ...(next < items.length ? { nextCursor: `from-${next}` } : {}) };
}
