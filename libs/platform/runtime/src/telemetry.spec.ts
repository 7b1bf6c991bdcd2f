import { request } from 'node:http';
import { metrics } from '@opentelemetry/api';
import { Health } from './health.js';
import { silentLogger } from './logger.js';
import { startTelemetry, type Telemetry } from './telemetry.js';

describe('the metrics port', () => {
  const health = new Health('edge', 'edge-1', new Date(0));
  let telemetry: Telemetry;
  beforeAll(async () => {
    telemetry = await startTelemetry({ service: 'edge', host: '127.0.0.1', port: 0, allowedHosts: ['metrics.test'], otlpEndpoint: undefined, statuses: () => [health.status()], logger: silentLogger });
  });
  afterAll(() => telemetry.close());

  it('is alive at once and ready when the service is, and says what is missing', async () => {
    health.require('snapshot');
    expect((await fetch(`${telemetry.url}/healthz`)).status).toBe(200);
    const waiting = await fetch(`${telemetry.url}/readyz`);
    expect(waiting.status).toBe(503);
    expect(await waiting.json()).toMatchObject({ ready: false, problems: [{ service: 'edge', component: 'snapshot' }] });
    health.ok('snapshot');
    expect((await fetch(`${telemetry.url}/readyz`)).status).toBe(200);
  });

  it('shows what meters count, with the buckets of the MCP conventions', async () => {
    metrics.getMeter('test').createHistogram('mcp.server.operation.duration', { unit: 's' }).record(0.015, { 'mcp.method.name': 'ping' });
    const text = await (await fetch(`${telemetry.url}/metrics`)).text();
    expect(text).toMatch(/mcp_server_operation_duration_bucket\{.*mcp_method_name="ping".*le="0.02".*\} 1/);
  });

  it('listens nowhere when told so', async () => {
    const silent = await startTelemetry({ service: 'edge', host: '127.0.0.1', port: undefined, allowedHosts: [], otlpEndpoint: undefined, statuses: () => [], logger: silentLogger });
    expect(silent.url).toBeUndefined();
    await silent.close();
  });

  it('refuses foreign names and browsers, and serves addresses and the names it was given', async () => {
    const status = (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        request(`${telemetry.url}/healthz`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .once('error', reject)
          .end();
      });
    expect(await status({ host: 'evil.test' })).toBe(403);
    expect(await status({ host: '127.0.0.1:9464', origin: 'https://evil.test' })).toBe(403);
    expect(await status({ host: 'metrics.test' })).toBe(200);
    expect(await status({ host: '10.1.2.3:9464' })).toBe(200);
  });
});
