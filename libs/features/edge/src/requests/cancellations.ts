import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { requestCancelled } from '@mcpgw/contracts';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import { BUS } from '@mcpgw/platform-runtime';
import { RunningCalls } from '../call-tool/running-calls.js';

/** A client's word that it has no use for an answer any more reaches the edge that runs the call, whichever it was told to. */
@Injectable()
export class Cancellations implements OnModuleInit, OnApplicationShutdown {
  private subscription: Subscription | undefined;

  constructor(
    @Inject(BUS) private readonly bus: Bus,
    private readonly running: RunningCalls,
  ) {}

  onModuleInit(): void {
    this.subscription = this.bus.subscribe(requestCancelled, ({ request }) => this.running.cancel(request));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.subscription?.close();
  }

  /** `request` as `requestKey` names it: nobody can name another's. */
  cancel(request: string): void {
    this.running.cancel(request);
    this.bus.publish(requestCancelled, { request });
  }
}
