import { loadConfig } from '@mcpgw/platform-runtime/config';
import { z } from 'zod';

export const DEFAULT_DATA_DIR = '.mcpgw';

const cliConfig = z.object({
  dataDir: z.string().default(DEFAULT_DATA_DIR).describe("Folder of a gateway's data; its first-run.json says where the gateway is"),
  adminUrl: z.url({ protocol: /^https?$/ }).optional().describe('Management API'),
  adminToken: z.string().optional().describe('Operator token'),
  adminSocket: z.string().optional().describe('Unix socket of the management API, instead of a port'),
  edgeUrl: z.url({ protocol: /^https?$/ }).optional().describe('Where agents connect, without /mcp'),
  edgeSocket: z.string().optional().describe('Unix socket of the edge, instead of a port'),
  consumerKey: z.string().optional().describe('API key of the consumer that calls are made as'),
});
export type Settings = z.infer<typeof cliConfig>;

/** Flags win over the environment (`MCPGW_ADMIN_URL` …), which wins over first-run.json. */
export function loadSettings(flags: Partial<Settings>): Settings {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  return loadConfig(cliConfig, given);
}
