export interface Hop {
  readonly hop: string;
  readonly state: 'ok' | 'failed' | 'skipped';
  readonly detail: string;
  readonly fix?: string;
}
