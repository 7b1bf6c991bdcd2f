// What a cell of the matrix is: one feature, tried by one client against one server, through the gateway.
import * as asks from './asks.mjs';
import * as calls from './calls.mjs';
import * as changes from './changes.mjs';
import * as lists from './lists.mjs';
import { tasks } from './tasks.mjs';

/**
 * In the order of the table, each with what is tried. `since` is the first revision whose clients and servers know it,
 * `serverSince` the first whose servers do; where only the client lacks it, `refused` is tried instead.
 */
export const FEATURES = [
  { name: 'tools', run: lists.tools, tried: 'Listed and called; a tool that fails and one that is unknown are told apart.' },
  { name: 'resources', run: lists.resources, tried: 'Listed and read; an unknown one is an error.' },
  { name: 'templates', run: lists.templates, tried: 'Listed, and a resource of one is read.' },
  { name: 'prompts', run: lists.prompts, tried: 'Listed and got with an argument; an unknown one is an error.' },
  { name: 'completion', run: lists.completion, tried: 'Of a prompt\'s argument and of a template\'s variable.' },
  { name: 'pagination', run: lists.pagination, tried: 'All pages of the server are seen, nothing twice; a made-up cursor is an error.' },
  { name: 'progress', run: calls.progress, tried: 'Every step arrives, in order, before the answer.' },
  { name: 'cancellation', run: calls.cancellation, tried: 'The client gives up a running call, and the server says that it was told.' },
  { name: 'logging', run: calls.logging, tried: 'Messages of the level asked for arrive, those below it do not. Asked for by session up to 2025-11-25, by request in 2026-07-28.' },
  { name: 'sampling', run: asks.sampling, tried: 'The server has the client\'s model say something in the middle of a call. Up to 2025-11-25 it sends a request, in 2026-07-28 it answers `input_required`; the gateway turns one into the other.' },
  { name: 'roots', run: asks.roots, tried: 'The server asks for the client\'s roots in the middle of a call; likewise.' },
  { name: 'elicitation form', run: asks.form, since: '2025-06-18', refused: asks.formRefused, tried: 'The server asks the user two things, one after the other, in one call; likewise.' },
  { name: 'elicitation url', run: asks.url, since: '2025-11-25', refused: asks.urlRefused, tried: 'The server has the user visit a page in the middle of a call; likewise.' },
  { name: 'nothing undeclared asked', run: asks.undeclared, tried: 'The same consumer with a client that declares no capabilities is asked nothing and gets clear refusals.' },
  { name: 'list changed', run: changes.listChanged, tried: 'A tool, a prompt and a resource come and go; the client is told each time and then lists what is there. By notification up to 2025-11-25, by `subscriptions/listen` in 2026-07-28.' },
  { name: 'resource updates', run: changes.resourceUpdates, tried: 'Every change of a watched resource is told. By `resources/subscribe` up to 2025-11-25, by `subscriptions/listen` in 2026-07-28.' },
  { name: 'tasks', run: tasks, serverSince: '2026-07-28', tried: 'The extension `io.modelcontextprotocol/tasks`: begun, polled, asked for input, cancelled. For clients up to 2025-11-25 the call waits until the task is done, and asks its questions meanwhile.' },
  { name: 'trace context', run: calls.traceContext, tried: 'The server sees the client\'s W3C trace id in `_meta`.' },
];

/** Footnotes of the published table. */
export const NOTES = {
  server: 'The server\'s revision has no words for it, so the server can not offer it.',
  client: 'The client\'s revision has no words for it. Checked: the call ends at once with a clear refusal, and the client is asked nothing that it does not know.',
  experiment: 'The experimental tasks of 2025-11-25 are another protocol, which the extension replaced. The gateway declares them to nobody: such a server runs its tools as plain calls, and a tool of it that insists on a task refuses.',
};

/** Why the wire can not carry the feature between these two; nothing when it can. */
export function lacking(feature, client, server) {
  if (feature.run === tasks && server.version === '2025-11-25') return 'experiment';
  if (server.version < (feature.serverSince ?? feature.since ?? '')) return 'server';
  if (client.version < (feature.since ?? '')) return 'client';
  return undefined;
}
