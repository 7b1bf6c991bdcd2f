/** What a verification can find, and the exit code of a command that found it first. */
export const FINDING_CODES = {
  tampered_entry: 10,
  missing_entry: 11,
  root_mismatch: 12,
  bad_checkpoint_signature: 13,
  truncated: 14,
  unpaired_call: 15,
  edge_gap: 16,
  malformed_entry: 17,
} as const;
export type FindingCode = keyof typeof FINDING_CODES;

export interface Finding {
  readonly code: FindingCode;
  readonly message: string;
  /** The entry's place in its log. */
  readonly index?: number;
  readonly entryId?: string;
}

/** 0 when nothing was found, otherwise the number of the first finding's code. */
export function exitCodeOf(findings: readonly Finding[]): number {
  const first = findings[0];
  return first ? FINDING_CODES[first.code] : 0;
}

/** A ruined log has a finding for each entry: more than these say nothing new. */
export const MAX_FINDINGS = 1_000;

export class FindingList {
  private readonly list: Finding[] = [];

  add(code: FindingCode, message: string, place: { readonly index?: number; readonly entryId?: string } = {}): void {
    if (this.list.length < MAX_FINDINGS) this.list.push({ code, message, ...place });
  }

  all(): readonly Finding[] {
    return this.list;
  }
}
