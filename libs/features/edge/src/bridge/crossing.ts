import { Injectable } from '@nestjs/common';
import type { UpstreamClient, UpstreamReply } from '@mcpgw/contracts';
import { canBeAsked, mayAskForInput } from '@mcpgw/core-mcp-wire';
import { Ending } from '../call-tool/ending.js';
import { Invoker } from '../call-tool/invoker.js';
import type { Trip } from '../call-tool/trip.js';
import type { Answer } from '../http/answer.js';
import { Flows } from './flows.js';
import { LegacyClients } from './legacy-clients.js';
import { ModernResults } from './modern-results.js';
import { upstreamClientOf } from './upstream-client.js';

/**
 * The one trip of a call, in each of the four cells of client era and server era. What can't ask and can't be asked goes there
 * and back with nothing in between.
 */
@Injectable()
export class Crossing {
  constructor(
    private readonly invoker: Invoker,
    private readonly ending: Ending,
    private readonly flows: Flows,
    private readonly legacy: LegacyClients,
    private readonly results: ModernResults,
  ) {}

  /** Never rejects: the intent is written, so the call ends by an outcome. */
  async cross(trip: Trip): Promise<Answer> {
    const { admitted, wanted, exchange, method } = trip;
    const { server } = wanted.destination;
    try {
      const client = upstreamClientOf(admitted, server, exchange.readsEvents);
      if (admitted.era === 'modern' && client && server.definition?.era !== 'modern' && canBeAsked(client.capabilities) && mayAskForInput(method)) return await this.flows.begin(trip, client, (reply) => this.results.ofLegacy(trip, reply, client));
      return this.ending.end(trip, await this.reply(trip, client));
    } catch (thrown) {
      return this.ending.end(trip, { thrown });
    }
  }

  private reply(trip: Trip, client: UpstreamClient | undefined): Promise<UpstreamReply> {
    const isModern = trip.wanted.destination.server.definition?.era === 'modern';
    if (trip.admitted.era === 'legacy') return isModern ? this.legacy.toModern(trip, client) : this.legacy.toLegacy(trip, client);
    const reply = client ? this.invoker.invoke(trip, { client }) : this.invoker.invoke(trip);
    return reply.then((said) => (isModern ? this.results.reply(trip, said, client) : this.results.ofLegacy(trip, said, client)));
  }
}
