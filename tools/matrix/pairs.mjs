// Who meets whom.
export const LEGACY = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];
export const MODERN = '2026-07-28';

const WIRES = { http: 'Streamable HTTP', sse: 'HTTP+SSE', stdio: 'stdio' };

const ends = [...LEGACY, MODERN].flatMap((version) => ['http', 'stdio', ...(version === '2024-11-05' ? ['sse'] : [])].map((transport) => ({ version, transport, name: `${version}-${transport}`, title: `${version} ${WIRES[transport]}` })));

/** A client on stdio is one that launches `mcpgw stdio`. */
export const CLIENTS = ends;
/** Names of servers start with a letter. */
export const SERVERS = ends.map((end) => ({ ...end, name: `s${end.name}` }));

const SHORT_CLIENTS = ['2024-11-05-sse', '2025-06-18-http', '2025-11-25-stdio', '2026-07-28-http'];
const SHORT_SERVERS = ['s2024-11-05-sse', 's2025-11-25-http', 's2025-11-25-stdio', 's2026-07-28-http', 's2026-07-28-stdio'];

export function chosen({ short, client, server }) {
  const of = (all, some, wanted) => all.filter(({ name }) => (short ? some.includes(name) : true) && name.includes(wanted ?? ''));
  return { clients: of(CLIENTS, SHORT_CLIENTS, client), servers: of(SERVERS, SHORT_SERVERS, server) };
}
