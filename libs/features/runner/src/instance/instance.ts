import { GatewayError, type Era, type UpstreamReply } from '@mcpgw/contracts';
import { paramsForLegacy, UNSUPPORTED_PROTOCOL_VERSION, type Handshake, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { Clock } from '@mcpgw/platform-runtime';
import type { Exit, LaunchSpec, Sandbox, SandboxProcess, Usage } from '../sandbox/sandbox.js';
import type { Redact } from '../secrets/redactor.js';
import { inEnvelope, shakeHands } from './handshake.js';
import { StderrTail } from './stderr-tail.js';
import { StdioClient, type RequestOptions } from './stdio-client.js';
import { watchingOf, type Watching } from './watching.js';

export interface InstanceOptions {
  readonly sandbox: Sandbox;
  readonly spec: LaunchSpec;
  readonly redact: Redact;
  readonly clock: Clock;
  readonly startTimeoutMs: number;
  readonly maxLineBytes: number;
  /** Ends a start under way: the runner is stopping. */
  readonly signal: AbortSignal;
  /** Which words to greet it in. The process starts meanwhile, and is sent nothing before this resolves. Must not reject. */
  readonly era: Promise<Era>;
  /** Client capabilities to declare to a legacy server: of the one caller that the process is for, or none. */
  readonly capabilities: JsonObject;
  /** It is for one caller alone. */
  readonly isOwn: boolean;
  /** Notifications that belong to no call. */
  readonly onNotification: (method: string, params: JsonObject) => void;
  /** It refused a request as one of an era that it doesn't speak. */
  readonly onWrongEra: () => void;
}

/** A call, beside its method and params. */
export interface InvokeOptions extends RequestOptions {
  /** What the caller can be asked for, for a server whose requests say so each by itself. */
  readonly capabilities?: JsonObject | undefined;
}

const MAX_IN_FLIGHT = 256;
const MAX_TIMEOUTS_IN_A_ROW = 2;
const STOP_GRACE_MS = 2_000;

/** One running server: its process, its connection, and how it ended. */
export class Instance {
  readonly startedAt: number;
  lastUsedAt: number;
  private handshake: Handshake | undefined;
  private watching: Watching | undefined;
  private readonly client: StdioClient;
  private readonly stderr: StderrTail;
  /** Why we killed it; completes "The server … ". */
  private violation: string | undefined;
  /** How it ended when that was not our doing. */
  private exitReason: string | undefined;
  private timeoutsInARow = 0;
  private stopping: Promise<void> | undefined;
  /** Says how it ended, in words for the operator, and whether we wanted it. */
  readonly ended: Promise<{ readonly wanted: boolean; readonly problem: string }>;

  private constructor(
    private readonly options: InstanceOptions,
    private readonly process: SandboxProcess,
  ) {
    this.startedAt = this.lastUsedAt = options.clock.now();
    this.stderr = new StderrTail(process.stderr);
    this.client = new StdioClient({
      server: options.spec.server,
      stdin: process.stdin,
      stdout: process.stdout,
      clock: options.clock,
      redact: options.redact,
      maxLineBytes: options.maxLineBytes,
      maxInFlight: MAX_IN_FLIGHT,
      // A modern server asks by its results; a legacy one not before it has been greeted.
      capabilities: () => (this.handshake?.era === 'legacy' ? options.capabilities : {}),
      isOwn: options.isOwn,
      onViolation: (reason) => this.violate(reason),
      onNotification: options.onNotification,
    });
    this.ended = process.exited.then((exit) => this.finish(exit));
  }

  /** Launches and shakes hands. Rejects with `invalid_request` (the spec is at fault) or `upstream_failed`; no process is left then. */
  static async start(options: InstanceOptions): Promise<Instance> {
    const instance = new Instance(options, await options.sandbox.launch(options.spec));
    const abort = (): void => instance.violate('did not start before the runner was stopped');
    options.signal.addEventListener('abort', abort, { once: true });
    if (options.signal.aborted) abort();
    const era = await options.era;
    try {
      const handshake = await shakeHands(instance.client, era, options.capabilities, options.startTimeoutMs);
      instance.handshake = handshake;
      instance.watching = watchingOf(instance.client, handshake);
      return instance;
    } catch (error) {
      const reason = instance.whyNotStarted(error, era === 'modern' ? 'server/discover' : 'initialize');
      instance.violate(`did not start: ${reason}`);
      throw new StartFault(options.spec.server, reason, (await instance.ended).problem);
    } finally {
      options.signal.removeEventListener('abort', abort);
    }
  }

  get server(): Handshake {
    return this.handshake as Handshake;
  }

  get inFlight(): number {
    return this.client.inFlight;
  }

  /** False from the moment that it is lost or being killed: `ended` resolves soon then. */
  get isUsable(): boolean {
    return this.violation === undefined && this.exitReason === undefined;
  }

  get garbageLines(): number {
    return this.client.garbageLines;
  }

  usage(): Usage | undefined {
    return this.process.usage();
  }

  /** Sends one request in the words of the server's era. The second call in a row without an answer in time ends the server. */
  async invoke(method: string, params: JsonObject, { capabilities, ...options }: InvokeOptions): Promise<UpstreamReply> {
    // What it is sent after it was told to stop it may never read.
    if (this.stopping) throw new StoppedFault(this.options.spec.server);
    this.lastUsedAt = this.options.clock.now();
    try {
      const reply = await this.client.request(method, this.server.era === 'modern' ? inEnvelope(params, capabilities) : paramsForLegacy(params), options);
      this.timeoutsInARow = 0;
      if ('error' in reply && reply.error.code === UNSUPPORTED_PROTOCOL_VERSION) this.options.onWrongEra();
      return reply;
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'timeout') this.countTimeout();
      throw error;
    } finally {
      this.lastUsedAt = this.options.clock.now();
    }
  }

  /** Has it tell of changes of these resources, and of its lists, from now on; see `Watching`. */
  watch(uris: ReadonlySet<string>): void {
    this.watching?.watch(uris);
  }

  /** While a question of the server is open it may have every reason to do nothing else. */
  private countTimeout(): void {
    if (this.client.openAsks > 0) return;
    this.timeoutsInARow += 1;
    if (this.timeoutsInARow >= MAX_TIMEOUTS_IN_A_ROW) this.violate(`did not answer ${MAX_TIMEOUTS_IN_A_ROW} calls in a row`);
  }

  /** Stops once the calls under way are answered, or at the latest after `withinMs`. */
  async drain(withinMs: number): Promise<void> {
    const deadline = this.options.clock.now() + withinMs;
    while (this.inFlight > 0 && this.options.clock.now() < deadline) await Promise.race([this.ended, pause(50)]);
    await this.stop();
  }

  /** Ends it as MCP asks (stdio, shutdown): close its input, then SIGTERM, then kill, 2 s between. Resolves when no process is left. */
  stop(): Promise<void> {
    this.watching?.close();
    this.stopping ??= this.endStepwise();
    return this.stopping;
  }

  private async endStepwise(): Promise<void> {
    this.process.stdin.end();
    if (await this.endsWithin(STOP_GRACE_MS)) return;
    this.process.terminate();
    if (await this.endsWithin(STOP_GRACE_MS)) return;
    this.process.kill();
    await this.ended;
  }

  private endsWithin(ms: number): Promise<boolean> {
    return Promise.race([this.ended.then(() => true), pause(ms).then(() => false)]);
  }

  private whyNotStarted(error: unknown, method: string): string {
    if (this.violation !== undefined) return `it ${this.violation}`;
    if (this.exitReason !== undefined) return `it ${this.exitReason}`;
    if (!(error instanceof GatewayError)) return 'the gateway failed to speak with it';
    return error.code === 'timeout' ? `it did not answer ${method} within ${this.options.startTimeoutMs / 1_000} s` : error.message;
  }

  /** Kills it for breaking a bound; what waits fails at once. */
  private violate(reason: string): void {
    if (this.violation !== undefined) return;
    this.violation = reason;
    this.watching?.close();
    this.client.close(new GatewayError('upstream_lost', `The server "${this.options.spec.server}" ${reason} and was stopped. Whether the call took effect is unknown.`));
    this.process.kill();
  }

  private finish(exit: Exit): { readonly wanted: boolean; readonly problem: string } {
    const { server } = this.options.spec;
    const how = this.describe(exit);
    if (this.violation === undefined) this.exitReason = how;
    this.watching?.close();
    this.client.close(new GatewayError('upstream_lost', `The server "${server}" ${how} during the call. Whether the call took effect is unknown.`));
    const words = this.stderr.text(this.options.redact);
    return { wanted: this.stopping !== undefined && this.violation === undefined, problem: `The server "${server}" ${this.violation ?? how}.${words === '' ? '' : ` Its last words: ${words}`}` };
  }

  private describe(exit: Exit): string {
    if (exit.outOfMemory) return `used up its ${this.options.spec.sandbox.memoryMb} MiB of memory (sandbox.memoryMb) and was killed (OOM)`;
    return exit.signal === undefined ? `ended with exit code ${exit.code ?? 'unknown'}` : `was ended by signal ${exit.signal}`;
  }
}

/** The instance was stopped between its being found and the call: nothing ran, and there is or will be another. */
export class StoppedFault extends GatewayError {
  constructor(server: string) {
    super('upstream_failed', `The server "${server}" was just being stopped. Try again.`);
  }
}

/** A server that did not start. `problem` has its last words, for the operator; the message, for callers, has not. */
export class StartFault extends GatewayError {
  constructor(
    server: string,
    reason: string,
    readonly problem: string,
  ) {
    super('upstream_failed', `The server "${server}" did not start: ${reason}${reason.endsWith('.') ? '' : '.'} Its operator finds its last words in mcpgw status.`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
