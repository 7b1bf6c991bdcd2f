import type { FirstRun } from './first-run.js';
import type { RunningGateway } from './gateway.js';

/** What a person sees once the gateway is ready. Secrets are shown on the first run alone; later they stay in the file. */
export function banner(gateway: RunningGateway, first: boolean, info: FirstRun, file: string, seconds: number): string {
  const endpoint = `${info.edgeUrl}/mcp`;
  const lines = [
    '',
    `MCP Gateway is ready (${seconds.toFixed(1)} s).`,
    '',
    `  MCP endpoint   ${endpoint}`,
    `  Admin API      ${info.adminUrl}`,
    ...(gateway.metricsUrl ? [`  Metrics        ${gateway.metricsUrl}/metrics`] : []),
    '',
  ];
  if (first) lines.push(`  Admin token    ${info.adminToken}`, ...(info.consumerKey ? [`  Consumer key   ${info.consumerKey}   (${info.organization}/${info.consumer})`] : []), '', `  Both are shown this once and kept in ${file} (readable by you alone).`, '');
  else lines.push(`  The admin token and the consumer key are in ${file}.`, '');
  if (first && info.consumerKey) lines.push('  Paste this into your MCP client:', '', ...clientConfig(endpoint, info.consumerKey), '');
  lines.push('  Try:  npx mcpgw tools      npx mcpgw call everything__echo message=hello      npx mcpgw audit tail --since 5m', '  Stop: Ctrl-C', '');
  return lines.join('\n');
}

function clientConfig(endpoint: string, key: string): readonly string[] {
  const config = { mcpServers: { gateway: { type: 'http', url: endpoint, headers: { Authorization: `Bearer ${key}` } } } };
  return JSON.stringify(config, null, 2)
    .split('\n')
    .map((line) => `    ${line}`);
}
