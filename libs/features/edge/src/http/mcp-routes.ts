import type { Socket } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { toGatewayError } from '@mcpgw/contracts';
import { CallTool } from '../call-tool/call-tool.js';
import type { CallRecord } from '../call-tool/call-record.js';
import { Journal } from '../call-tool/journal.js';
import { refuse, refuseByProtocol, type Refusal } from '../call-tool/refusal.js';
import { EDGE_CONFIG, type EdgeConfig } from '../edge.config.js';
import { SessionRequests } from '../session/session-requests.js';
import { SseClients } from '../session/sse-clients.js';
import { StreamStore } from '../session/stream-store.js';
import type { Answer } from './answer.js';
import { isPreflight, preflightHeaders } from './cors.js';
import { Exchange } from './exchange.js';
import { ReplyOutlet } from './reply-outlet.js';

const PATHS = ['/mcp', '/mcp/:route'];

/** `/mcp` and `/mcp/<route>`. Whatever is refused here leaves an entry and a JSON-RPC body: a client takes a bare 4xx for the sign of an older server. */
@Injectable()
export class McpRoutes {
  constructor(
    @Inject(EDGE_CONFIG) private readonly config: EdgeConfig,
    private readonly calls: CallTool,
    private readonly sessions: SessionRequests,
    private readonly journal: Journal,
    private readonly sseClients: SseClients,
    private readonly streams: StreamStore,
  ) {}

  register(scope: FastifyInstance): void {
    scope.removeAllContentTypeParsers();
    // By its name too: Fastify remembers what it found by name, and searches each time for what falls under `*`.
    for (const type of ['application/json', '*']) scope.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.setErrorHandler((error: FastifyError, request, reply) => this.refuse(request, reply, this.refusalOf(error)));
    for (const path of PATHS) {
      scope.post(path, (request, reply) => this.post(request, reply));
      scope.get(path, { exposeHeadRoute: false }, (request, reply) => this.get(request, reply));
      scope.delete(path, (request, reply) => this.delete(request, reply));
      scope.route({ method: ['PUT', 'PATCH', 'HEAD'], url: path, handler: (request, reply) => this.refuse(request, reply, METHOD_NOT_ALLOWED) });
      // A preflight is no request of a caller: it leaves no entry.
      scope.options(path, (request, reply) => (isPreflight(request.method, request.headers) ? reply.code(204).headers(preflightHeaders(request.headers)).send() : this.refuse(request, reply, METHOD_NOT_ALLOWED)));
    }
    scope.all('/mcp/*', (request, reply) => this.refuse(request, reply, NO_SUCH_ROUTE));
  }

  /** Answers a request that goes no further. */
  async refuse(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): Promise<FastifyReply> {
    const { route } = (request.params ?? {}) as { readonly route?: string };
    const answer = await this.written(request.raw.socket.remoteAddress, Number(request.headers['content-length'] ?? 0), route, refusal);
    return send(reply, answer);
  }

  /** Bytes that are no HTTP request. Node alone would answer without a body. */
  async malformed(error: NodeJS.ErrnoException, socket: Socket): Promise<void> {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const { http, body = '' } = await this.written(socket.remoteAddress, 0, undefined, error.code === 'HPE_HEADER_OVERFLOW' ? HEADERS_TOO_LARGE : NOT_HTTP);
    socket.end(`HTTP/1.1 ${http} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  }

  private async post(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { keepAliveSeconds } = this.config;
    const exchange = this.sseClients.exchange(request, reply) ?? new Exchange(request, new ReplyOutlet(reply, keepAliveSeconds * 1_000, readsEvents(request), this.streams));
    exchange.finish(await this.calls.handle(exchange));
    return reply;
  }

  private get(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    return this.inSession(request, reply, (record) => this.sessions.open(request, reply, record));
  }

  private delete(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    return this.inSession(request, reply, async (record) => (await this.sessions.end(request, record)) ?? void reply.code(204).send());
  }

  /** `work` answers by itself, or returns why not. */
  private async inSession(request: FastifyRequest, reply: FastifyReply, work: (record: CallRecord) => Promise<Refusal | undefined>): Promise<FastifyReply> {
    const record = this.journal.open(request.raw.socket.remoteAddress, 0, (request.params as { readonly route?: string }).route);
    try {
      this.journal.requireRoom();
      const refusal = await work(record);
      return refusal ? send(reply, await this.journal.refused(record, refusal)) : reply;
    } catch (thrown) {
      return send(reply, await this.journal.failed(record, thrown));
    }
  }

  private async written(address: string | undefined, bytes: number, route: string | undefined, refusal: Refusal): Promise<Answer> {
    const record = this.journal.open(address, Number.isSafeInteger(bytes) ? bytes : 0, route);
    return this.journal.refused(record, refusal).catch((thrown: unknown) => this.journal.failed(record, thrown));
  }

  /** What Fastify itself stumbles over: a body that is too large, cut off, or of a wrong length. */
  private refusalOf(error: FastifyError): Refusal {
    if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return refuse(null, 'payload_too_large', `The body is larger than ${this.config.maxBodyBytes} bytes.`);
    if (error.statusCode !== undefined && error.statusCode < 500) return refuseByProtocol(null, error.statusCode, { code: -32600, message: error.message });
    const { code, message } = toGatewayError(error);
    return refuse(null, code, message);
  }
}

const NO_SUCH_ROUTE = refuse(null, 'not_found', 'There is no such route.');
const METHOD_NOT_ALLOWED = refuseByProtocol(null, 405, { code: -32600, message: 'Only POST, and GET and DELETE in a session, are served here.' });
const NOT_HTTP = refuseByProtocol(null, 400, { code: -32600, message: 'This is not a valid HTTP request.' });
const HEADERS_TOO_LARGE = refuseByProtocol(null, 431, { code: -32600, message: 'The request headers are too large.' });

/** Whether the client accepts an event stream as the answer. */
function readsEvents({ headers }: FastifyRequest): boolean {
  return /text\/event-stream|\*\/\*/i.test(headers.accept ?? '');
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  reply.code(answer.http).headers(answer.headers);
  return answer.body === undefined ? reply.send() : reply.header('content-type', 'application/json').send(answer.body);
}
