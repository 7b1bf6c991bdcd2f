import type { UpstreamReply } from '@mcpgw/contracts';
import type { Handshake, JsonObject } from '@mcpgw/core-mcp-wire';
import type { CallDeadline } from './call-deadline.js';
import type { HttpCall, HttpChannel } from './http-channel.js';
import type { ServerNews } from './inbox.js';

/** One way of calling a server: a session of a legacy one, or the stateless way of a modern one. */
export interface Line {
  call(call: HttpCall, deadline: CallDeadline): Promise<UpstreamReply>;
  /** Has the server tell of these resources from now on, and of no others. */
  watch(uris: ReadonlySet<string>): void;
  /** Ends streams at once; the session with it. The calls under way must be over. */
  close(): Promise<void>;
}

/** A line with a handshake. The same value for as long as the session is the same. */
export interface LegacyLine extends Line {
  session(): Promise<{ readonly handshake: Handshake }>;
}

export interface LegacyLineOptions {
  readonly channel: HttpChannel;
  /** Declared at `initialize`; empty on a shared line. */
  readonly capabilities: JsonObject;
  readonly isShared: boolean;
  readonly news: ServerNews;
  /** Keep a stream open for what belongs to no call. Not for a line that lives for one discovery. */
  readonly listen: boolean;
}
