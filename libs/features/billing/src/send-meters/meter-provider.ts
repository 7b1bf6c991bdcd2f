/** A meter event as it lies in the outbox. */
export interface OutboxEvent {
  readonly identifier: string;
  readonly organization: string;
  readonly meter: string;
  readonly customer: string;
  readonly value: number;
  /** Start of the hour that was used. */
  readonly hourMs: number;
  /** How often it was tried before this time. */
  readonly attempts: number;
  /** The first try of which nobody knows whether the provider took it. */
  readonly uncertainSinceMs: number | undefined;
}

/** What became of one try. Only `lost` leaves open whether the provider has the event. */
export type SendResult =
  | { readonly kind: 'accepted' }
  /** The provider already has an event of this identifier. */
  | { readonly kind: 'duplicate' }
  /** Not taken, and it won't be until somebody changes something; says nothing about other events. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Not taken, and no other event would be at the moment either. */
  | { readonly kind: 'busy'; readonly reason: string; readonly retryAfterMs: number | undefined }
  /** The key is not good: not taken, and nothing will be with this key. */
  | { readonly kind: 'unauthorized'; readonly reason: string }
  | { readonly kind: 'lost'; readonly reason: string };

/** Who is told about usage. Never rejects: every end of a try is a result. */
export interface MeterProvider {
  send(event: OutboxEvent): Promise<SendResult>;
}
