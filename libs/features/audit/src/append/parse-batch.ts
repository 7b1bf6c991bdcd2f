import { GatewayError } from '@mcpgw/contracts';
import { leafHash, parseBody } from '@mcpgw/core-transparency-log';
import { OWN_EDGE_ID, type WrittenEntry } from '../log/log-writer.js';

export interface AppendRequest {
  readonly edgeId: string;
  readonly epoch: number;
  readonly lastSeq: number;
  readonly entries: readonly string[];
}

/** The entries of a batch. Throws `invalid_request` naming the first that is malformed or isn't the sender's own. */
export function parseBatch({ edgeId, epoch, lastSeq, entries }: AppendRequest): readonly WrittenEntry[] {
  if (edgeId === OWN_EDGE_ID) throw refused('The edge id "audit" is the audit service\'s own.');
  let before = 0;
  const batch = entries.map((text, index) => {
    const { entry, fault } = parseBody(text);
    if (!entry) throw refused(`Entry ${index} of the batch of edge ${edgeId} is malformed: ${fault}.`);
    if (entry.edge.id !== edgeId || entry.edge.epoch !== epoch) throw refused(`Entry ${entry.entryId} is of edge ${entry.edge.id}, epoch ${entry.edge.epoch}, in a batch of edge ${edgeId}, epoch ${epoch}.`);
    if (entry.edge.seq <= before || entry.edge.seq > lastSeq) throw refused(`Entry ${entry.entryId} of edge ${edgeId} has number ${entry.edge.seq}, after ${before} in a batch up to ${lastSeq}.`);
    if (entry.phase === 'late' || entry.replaces) throw refused(`Entry ${entry.entryId} of edge ${edgeId} is late: only the audit service writes such entries.`);
    if (Number.isNaN(Date.parse(entry.time))) throw refused(`Entry ${entry.entryId} of edge ${edgeId} has the time "${entry.time}", which is none.`);
    before = entry.edge.seq;
    return { entry, text, leaf: leafHash(text) };
  });
  return batch;
}

function refused(message: string): GatewayError {
  return new GatewayError('invalid_request', message);
}
