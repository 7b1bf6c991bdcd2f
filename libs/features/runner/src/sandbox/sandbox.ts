import type { SandboxConfig } from '@mcpgw/contracts';
import type { Problem } from '@mcpgw/platform-runtime';
import type { Readable, Writable } from 'node:stream';

/** What to run. `env` holds resolved secrets: it goes to the server and nowhere else. */
export interface LaunchSpec {
  readonly organization: string;
  readonly server: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly sandbox: SandboxConfig;
}

/** How a server ended. `code` or `signal` is set. */
export interface Exit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly outOfMemory: boolean;
}

export interface Usage {
  readonly processes: number;
  readonly memoryBytes: number;
}

export interface SandboxProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when no process of the tree is left. Never rejects. */
  readonly exited: Promise<Exit>;
  /** `undefined` where the kernel doesn't count for us. */
  usage(): Usage | undefined;
  /** Asks the server to end (SIGTERM). */
  terminate(): void;
  /** Ends the whole tree at once. */
  kill(): void;
}

/** Where servers run. Faults of the spec are `invalid_request` and name it; whatever else goes wrong shows as an exit with words on stderr. */
export interface Sandbox {
  readonly kind: 'bubblewrap' | 'process';
  launch(spec: LaunchSpec): Promise<SandboxProcess>;
  /** What the sandbox can't promise on this machine; empty: all of it holds. */
  readonly shortcomings: readonly Problem[];
}
