// What a cell of the matrix is: one feature, tried by one client against one server, through the gateway.
import * as asks from './asks.mjs';
import * as calls from './calls.mjs';
import * as changes from './changes.mjs';
import * as lists from './lists.mjs';
import { tasks } from './tasks.mjs';

/** In the order of the table. `lacking(client, server)` names why the wire can't express it; then `refused` is what is checked, if anything can be. */
export const FEATURES = [
  { name: 'tools', run: lists.tools },
  { name: 'resources', run: lists.resources },
  { name: 'templates', run: lists.templates },
  { name: 'prompts', run: lists.prompts },
  { name: 'completion', run: lists.completion },
  { name: 'pagination', run: lists.pagination },
  { name: 'progress', run: calls.progress },
  { name: 'cancellation', run: calls.cancellation },
  { name: 'logging', run: calls.logging },
  { name: 'sampling', run: asks.sampling },
  { name: 'roots', run: asks.roots },
  { name: 'elicitation form', run: asks.form, since: '2025-06-18', refused: asks.formRefused },
  { name: 'elicitation url', run: asks.url, since: '2025-11-25', refused: asks.urlRefused },
  { name: 'nothing undeclared asked', run: asks.undeclared },
  { name: 'list changed', run: changes.listChanged },
  { name: 'resource updates', run: changes.resourceUpdates },
  { name: 'tasks', run: tasks, serverSince: '2026-07-28' },
  { name: 'trace context', run: calls.traceContext },
];

/** Footnotes of the published table. */
export const NOTES = {
  server: 'The server\'s revision has no words for it, so the server can not offer it.',
  client: 'The client\'s revision has no words for it. Checked: the call ends at once with a clear refusal, and the client is asked nothing that it does not know.',
};

/** Why the wire can not carry the feature between these two: `server`, `client`, or nothing. */
export function lacking(feature, client, server) {
  if (server.version < (feature.serverSince ?? feature.since ?? '')) return 'server';
  if (client.version < (feature.since ?? '')) return 'client';
  return undefined;
}
