import { createServer, type Server } from 'node:http';
import { isIP } from 'node:net';
import type { ServiceStatus } from '@mcpgw/contracts';
import { metrics, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationType, MeterProvider } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Logger } from './logger.js';

/** Buckets in seconds that the MCP semantic conventions ask for. */
const DURATION_BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

export interface Telemetry {
  /** Where /metrics, /healthz and /readyz are; undefined without a port. */
  readonly url: string | undefined;
  close(): Promise<void>;
}

export interface TelemetryOptions {
  readonly service: string;
  readonly host: string;
  /** 0: any free one; undefined: none, for a process that must not listen. */
  readonly port: number | undefined;
  readonly allowedHosts: readonly string[];
  /** OTLP/HTTP collector, `http://host:4318`; none: no traces are made. */
  readonly otlpEndpoint: string | undefined;
  /** Asked at each request: services may come later than the port. */
  readonly statuses: () => readonly ServiceStatus[];
  readonly logger: Logger;
}

/** Meters and traces of this process, and the port that the orchestrator and Prometheus ask. */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const resource = resourceFromAttributes({ 'service.name': `mcpgw-${options.service}` });
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const meters = new MeterProvider({
    resource,
    readers: [exporter],
    views: [{ instrumentName: 'mcp*.duration', aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: DURATION_BUCKETS } } }],
  });
  metrics.setGlobalMeterProvider(meters);
  const traces = options.otlpEndpoint ? new TracerProvider({ resource, spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${options.otlpEndpoint.replace(/\/$/, '')}/v1/traces` }) })] }) : undefined;
  if (traces) trace.setGlobalTracerProvider(traces);
  const server = createServer((request, response) => {
    if (!servesHost(request.headers.host, options.allowedHosts) || request.headers.origin !== undefined) return void response.writeHead(403, { 'content-type': 'application/json' }).end('{"error":"This Host or Origin is refused."}\n');
    const path = request.url?.split('?')[0];
    if (path === '/metrics') return exporter.getMetricsRequestHandler(request, response);
    if (path === '/healthz') return void response.writeHead(200, { 'content-type': 'application/json' }).end('{"alive":true}\n');
    if (path !== '/readyz') return void response.writeHead(404).end();
    const statuses = options.statuses();
    const ready = statuses.length > 0 && statuses.every((status) => status.ready);
    const problems = statuses.flatMap((status) => status.problems.map((problem) => ({ service: status.service, ...problem })));
    response.writeHead(ready ? 200 : 503, { 'content-type': 'application/json' }).end(`${JSON.stringify({ ready, problems })}\n`);
  });
  const url = options.port === undefined ? undefined : await listenOrMove(server, options, options.port);
  return {
    url,
    close: async () => {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
      await Promise.race([Promise.allSettled([traces?.shutdown(), meters.shutdown()]), new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
    },
  };
}

/**
 * Against DNS rebinding: a page that makes its own name resolve to us can't send an address as Host. Probes and scrapers use
 * addresses; browsers, which send an Origin to other sites, have no business here.
 */
function servesHost(host: string | undefined, allowed: readonly string[]): boolean {
  const name = host?.replace(/:\d+$/, '').replace(/^\[|\]$/g, '') ?? '';
  return name === 'localhost' || isIP(name) !== 0 || allowed.includes(name);
}

/** Several services on one machine may ask for the same port; the later ones take any free one and say so. */
async function listenOrMove(server: Server, { host, logger }: TelemetryOptions, port: number): Promise<string> {
  const listen = (wanted: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(wanted, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  try {
    await listen(port);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    await listen(0);
    logger.info({ wanted: port }, 'the metrics port is taken; using another');
  }
  const address = server.address();
  const bound = address && typeof address === 'object' ? address.port : port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
}
