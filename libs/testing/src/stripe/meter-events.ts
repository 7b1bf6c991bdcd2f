/** `POST /v1/billing/meter_events` as Stripe's SDK types it; a spec of features/billing holds the two against each other. */
export interface MeterEventParams {
  readonly event_name: string;
  readonly payload: Readonly<Record<string, string>>;
  readonly identifier?: string;
  /** Seconds since the epoch. */
  readonly timestamp?: number;
}

export interface MeterEventObject {
  readonly object: 'billing.meter_event';
  readonly created: number;
  readonly event_name: string;
  readonly identifier: string;
  readonly livemode: boolean;
  readonly payload: Readonly<Record<string, string>>;
  readonly timestamp: number;
}

export class StripeFault extends Error {
  constructor(
    readonly status: number,
    readonly type: 'invalid_request_error' | 'idempotency_error' | 'api_error' | 'rate_limit_error',
    message: string,
    readonly param?: string,
  ) {
    super(message);
  }
}

const DAY_MS = 86_400_000;
const invalid = (message: string, param?: string): StripeFault => new StripeFault(400, 'invalid_request_error', message, param);

/** What Stripe keeps of meter events, and the rules by which it takes one. */
export class MeterEvents {
  /** Everything taken, in order: what an invoice would be made of. */
  readonly taken: MeterEventObject[] = [];
  private readonly identifiers = new Map<string, number>();

  constructor(
    private readonly meters: ReadonlySet<string>,
    private readonly now: () => number,
  ) {}

  /** Throws a StripeFault, as Stripe answers it, when the event is not taken. */
  create(params: MeterEventParams): MeterEventObject {
    const now = this.now();
    const created = Math.floor(now / 1_000);
    const timestamp = params.timestamp ?? created;
    if (!this.meters.has(params.event_name)) throw invalid(`No active meter found for event name: ${params.event_name}.`, 'event_name');
    if (!params.payload['stripe_customer_id']) throw invalid('The payload must hold stripe_customer_id.', 'payload');
    if (!/^[1-9]\d{0,14}$/.test(params.payload['value'] ?? '')) throw invalid('The value must be a positive whole number.', 'payload');
    if (timestamp * 1_000 < now - 35 * DAY_MS) throw invalid('The timestamp must be within the past 35 days.', 'timestamp');
    if (timestamp * 1_000 > now + 300_000) throw invalid('The timestamp must be at most 5 minutes in the future.', 'timestamp');
    const identifier = params.identifier ?? `generated_${this.taken.length}`;
    if (identifier.length > 100) throw invalid('The identifier may have at most 100 characters.', 'identifier');
    const seen = this.identifiers.get(identifier);
    if (seen !== undefined && now - seen < DAY_MS) throw invalid(`An event already exists with identifier ${identifier}.`);
    this.identifiers.set(identifier, now);
    const event: MeterEventObject = { object: 'billing.meter_event', created, event_name: params.event_name, identifier, livemode: false, payload: params.payload, timestamp };
    this.taken.push(event);
    return event;
  }
}

/** A form body, `payload[value]=1` and the like. Unknown parameters are refused, as Stripe does. */
export function meterEventParams(body: string): MeterEventParams {
  const payload: Record<string, string> = {};
  const rest: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(body)) {
    const member = /^payload\[([^\]]+)\]$/.exec(name)?.[1];
    if (member !== undefined) payload[member] = value;
    else if (['event_name', 'identifier', 'timestamp'].includes(name)) rest[name] = value;
    else throw invalid(`Received unknown parameter: ${name}`, name);
  }
  const { event_name, identifier, timestamp } = rest;
  if (event_name === undefined) throw invalid('Missing required param: event_name.', 'event_name');
  if (timestamp !== undefined && !/^\d+$/.test(timestamp)) throw invalid('Invalid integer: timestamp', 'timestamp');
  return { event_name, payload, ...(identifier === undefined ? {} : { identifier }), ...(timestamp === undefined ? {} : { timestamp: Number(timestamp) }) };
}
