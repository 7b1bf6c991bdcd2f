/** How the command ends. Findings of `audit verify` have codes of their own, from 10 on. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3 } as const;

/** An expected end with a message for people. `code` and `data` are for `--json`. */
export class CliError extends Error {
  readonly exitCode: number;
  readonly code: string;
  readonly data: Readonly<Record<string, unknown>> | undefined;

  constructor(message: string, options: { readonly exitCode?: number; readonly code?: string; readonly data?: Readonly<Record<string, unknown>> | undefined; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CliError';
    this.exitCode = options.exitCode ?? EXIT.failed;
    this.code = options.code ?? 'failed';
    this.data = options.data;
  }
}
