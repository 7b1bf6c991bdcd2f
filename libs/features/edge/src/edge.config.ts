import { commonConfig } from '@mcpgw/platform-runtime';
import { z } from 'zod';
import { spoolConfigFields } from './spool/config.js';

/** `a, b` -> ['a', 'b']: lists come from the environment as text. */
const list = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((item) => item.trim()).filter((item) => item !== '') : value),
  z.array(z.string().max(512)).max(64),
);

/** Settings of the edge. */
export const edgeConfig = z.object({
  dataDir: commonConfig.shape.dataDir,
  edgeHost: z.string().default('127.0.0.1').describe('Address that the MCP endpoint listens on'),
  edgePort: z.coerce.number().int().min(0).max(65_535).default(8080).describe('Port of /mcp; 0: any free one'),
  edgeAllowedHosts: list.default([]).describe('Further values of the Host header that are served, comma-separated, without port; localhost, 127.0.0.1 and [::1] always are'),
  edgeAllowedOrigins: list.default([]).describe('Values of the Origin header that are served, comma-separated; http://localhost, http://127.0.0.1 and http://[::1] with any port always are'),
  maxBodyBytes: z.coerce.number().int().min(1_024).max(67_108_864).default(4_194_304).describe('Largest request body in bytes; a larger one is answered with 413'),
  maxDepth: z.coerce.number().int().min(4).max(120).default(64).describe('Deepest nesting of a request body'),
  maxConcurrentCalls: z.coerce.number().int().min(1).max(100_000).default(2_048).describe('Calls under way at once; one more is answered with 503'),
  maxStreams: z.coerce.number().int().min(1).max(100_000).default(1_024).describe('Open GET streams and listens in all; at the bound as for one principal'),
  maxStreamsPerPrincipal: z.coerce.number().int().min(1).max(10_000).default(64).describe('Open GET streams and listens of one principal; at the bound its oldest GET stream is closed for another, and one more listen is answered with 503'),
  sessionMaxAgeSeconds: z.coerce.number().int().min(60).max(31_536_000).default(604_800).describe('Age in seconds at which a legacy session is unknown and the client has to initialize again'),
  sessionIdleSeconds: z.coerce.number().min(1).max(2_592_000).default(1_800).describe('Seconds without use after which a legacy session is over: few clients end theirs'),
  maxSessions: z.coerce.number().int().min(1).max(1_000_000).default(20_000).describe('Legacy sessions in all; at the bound the longest unused makes room, and while all are in use a new one is answered with 503'),
  maxSessionsPerPrincipal: z.coerce.number().int().min(1).max(1_000_000).default(4_000).describe('Legacy sessions of one principal; at the bound as for all'),
  streamResumeSeconds: z.coerce.number().min(1).max(600).default(30).describe('Seconds that an event stream of a session waits for a client that lost its connection; a call whose client does not come back is cancelled then'),
  keepAliveSeconds: z.coerce.number().min(0.05).max(300).default(15).describe('Quiet time in seconds after which an event stream gets a comment'),
  policyMode: z.enum(['local', 'remote']).default('local').describe('local: decide here on the signed bundle; remote: ask the policy service for every call'),
  snapshotPollMs: z.coerce.number().int().min(50).max(60_000).default(750).describe('Longest time in milliseconds between two pulls of the registry snapshot'),
  ...spoolConfigFields,
});
export type EdgeConfig = z.infer<typeof edgeConfig>;

export const EDGE_CONFIG = Symbol('EdgeConfig');
