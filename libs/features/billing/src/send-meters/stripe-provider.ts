import Stripe from 'stripe';
import type { BillingConfig } from '../config.js';
import type { MeterProvider, OutboxEvent, SendResult } from './meter-provider.js';

/** Faults of the network that happen before a request has left. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const DUPLICATE = /event already exists with identifier/i;

/** Stripe's meter events, API v1. The SDK's own retries are off: the outbox knows better when a second try is safe. */
export class StripeProvider implements MeterProvider {
  private readonly stripe: Stripe;

  constructor(config: Pick<BillingConfig, 'stripeApiBase' | 'stripeTimeoutMs'> & { readonly stripeKey: string }) {
    this.stripe = new Stripe(config.stripeKey, { maxNetworkRetries: 0, timeout: config.stripeTimeoutMs, telemetry: false, ...hostOf(config.stripeApiBase) });
  }

  /**
   * The identifier makes a second try harmless. The idempotency key changes with each try all the same, since Stripe replays the
   * answer of a key, its own 500 too, for a day.
   */
  async send(event: OutboxEvent): Promise<SendResult> {
    try {
      await this.stripe.billing.meterEvents.create(
        { event_name: event.meter, identifier: event.identifier, timestamp: Math.floor(event.hourMs / 1_000), payload: { stripe_customer_id: event.customer, value: String(event.value) } },
        { idempotencyKey: `${event.identifier}:${event.attempts + 1}` },
      );
      return { kind: 'accepted' };
    } catch (error) {
      return resultOf(error);
    }
  }
}

/** What a fault of the SDK means for the event. Anything not known to leave it untaken counts as `lost`. */
function resultOf(error: unknown): SendResult {
  if (!(error instanceof Stripe.errors.StripeError)) return { kind: 'lost', reason: `The Stripe client failed: ${error instanceof Error ? error.message : String(error)}` };
  if (error instanceof Stripe.errors.StripeConnectionError) {
    const code = typeof error.detail === 'object' && 'code' in error.detail ? String(error.detail.code) : '';
    return NEVER_SENT.has(code) ? { kind: 'busy', reason: `Stripe can't be reached (${code}).`, retryAfterMs: undefined } : { kind: 'lost', reason: `No answer from Stripe: ${error.message}` };
  }
  const status = error.statusCode ?? 0;
  if (status === 429) return { kind: 'busy', reason: 'Stripe limits the rate of requests.', retryAfterMs: retryAfterMs(error.headers) };
  if (status === 409) return { kind: 'busy', reason: 'Stripe is still busy with an earlier request.', retryAfterMs: undefined };
  if (status === 401 || status === 403) return { kind: 'unauthorized', reason: `Stripe refuses the key (status ${status}).` };
  if (status >= 400 && status < 500) return DUPLICATE.test(error.message) ? { kind: 'duplicate' } : { kind: 'refused', reason: `Stripe refuses the event: ${error.message}` };
  return { kind: 'lost', reason: `Stripe failed with status ${status}.` };
}

/** RFC 9110, 10.2.3, the form in seconds, which Stripe uses. */
function retryAfterMs(headers: { readonly [name: string]: string } | undefined): number | undefined {
  const seconds = Number(headers?.['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : undefined;
}

function hostOf(address: string | undefined): { host?: string; port?: string; protocol?: 'http' | 'https' } {
  if (address === undefined) return {};
  const { protocol, hostname, port } = new URL(address);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (protocol === 'http:' ? '80' : '443') : port, protocol: protocol === 'http:' ? 'http' : 'https' };
}
