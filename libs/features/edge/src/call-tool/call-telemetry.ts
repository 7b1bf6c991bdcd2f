import { Injectable } from '@nestjs/common';
import { metrics, ProxyTracerProvider, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags, type Attributes, type Tracer } from '@opentelemetry/api';
import type { CallRecord, Outcome } from './call-record.js';

/**
 * OpenTelemetry's MCP semantic conventions (status: development), in one place because they still change. Durations are in
 * seconds. Names of tools and servers are the registry's, so their number is bounded; what a client made up is not an attribute.
 */
@Injectable()
export class CallTelemetry {
  private readonly duration = metrics.getMeter('mcpgw').createHistogram('mcp.server.operation.duration', { unit: 's', description: 'How long requests took, upstream included' });
  private readonly added = metrics.getMeter('mcpgw').createHistogram('mcpgw.added.duration', { unit: 's', description: 'What of it the gateway itself took' });
  private known: Tracer | undefined;

  observe(record: CallRecord, outcome: Outcome, now: number): void {
    const { wanted, upstreamUs } = record;
    const attributes: Attributes = { 'mcp.method.name': wanted === undefined && outcome.status === 'error' ? '_OTHER' : record.method };
    if (wanted !== undefined) attributes['mcpgw.server'] = wanted.destination.server.config.name;
    if (wanted?.action === 'tools/call') attributes['gen_ai.tool.name'] = wanted.destination.target;
    if (outcome.status !== 'ok') attributes['error.type'] = outcome.status === 'tool_error' ? 'tool_error' : (outcome.code ?? '_OTHER');
    this.duration.record(outcome.durationUs / 1e6, attributes);
    if (upstreamUs !== undefined) this.added.record(Math.max(0, outcome.durationUs - upstreamUs) / 1e6, attributes);
    const { tracer } = this;
    if (tracer !== undefined) span(tracer, record, outcome, attributes, now);
  }

  /** `undefined` while this process makes no traces: then no span is put together, only to be thrown away. */
  private get tracer(): Tracer | undefined {
    const provider = trace.getTracerProvider();
    return (this.known ??= provider instanceof ProxyTracerProvider ? provider.getDelegateTracer('mcpgw') : provider.getTracer('mcpgw'));
  }
}

/** A SERVER span whose parent is the caller's, as `_meta.traceparent` says (SEP-414). Made afterwards: its times are known. */
function span(tracer: Tracer, record: CallRecord, outcome: Outcome, attributes: Attributes, now: number): void {
  const parent = record.traceparent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { traceId: record.traceparent.slice(3, 35), spanId: record.traceparent.slice(36, 52), traceFlags: TraceFlags.SAMPLED, isRemote: true });
  const tool = attributes['gen_ai.tool.name'];
  const name = typeof tool === 'string' ? `${record.method} ${tool}` : String(attributes['mcp.method.name']);
  const made = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes: { ...attributes, 'mcpgw.call.id': record.callId, ...(typeof tool === 'string' ? { 'gen_ai.operation.name': 'execute_tool' } : {}) }, startTime: now - outcome.durationUs / 1_000 }, parent);
  if (outcome.status !== 'ok') made.setStatus({ code: SpanStatusCode.ERROR });
  made.end(now);
}
