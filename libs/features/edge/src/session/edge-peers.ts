import { randomBytes } from 'node:crypto';
import { edgeHello, sessionHeard } from '@mcpgw/contracts';
import type { Bus, Subscription } from '@mcpgw/platform-bus';

/** Longest wait for the others. Who does not answer is not waited for again until it says that it is there. */
const HEARD_MS = 250;
const MAX_PEERS = 256;

/** The other edges, as far as known: so that a change can wait until all of them act on it. */
export class EdgePeers {
  private readonly peers = new Set<string>();
  private readonly waiting = new Map<string, { readonly missing: Set<string>; readonly done: () => void }>();
  private subscriptions: readonly Subscription[] = [];
  private stopListening = (): void => {};

  constructor(
    private readonly bus: Bus,
    private readonly edge: string,
  ) {}

  start(): void {
    const { bus, edge } = this;
    this.subscriptions = [
      bus.subscribe(edgeHello, (hello) => {
        if (hello.edge === edge) return;
        this.add(hello.edge);
        bus.publish(edgeHello, { edge }, { to: hello.edge });
      }),
      bus.subscribe(edgeHello, (hello) => this.add(hello.edge), { as: edge }),
      bus.subscribe(sessionHeard, ({ edge: peer, heard }) => this.heard(peer, heard), { as: edge }),
    ];
    bus.publish(edgeHello, { edge });
    this.stopListening = bus.onReconnect(() => bus.publish(edgeHello, { edge }));
  }

  async close(): Promise<void> {
    this.stopListening();
    await Promise.all(this.subscriptions.map((subscription) => subscription.close()));
  }

  /** Tells the others something under a name that they answer with `acknowledge`; resolves once they have, or after a while. */
  async tell(publish: (heard: string | undefined) => void): Promise<void> {
    if (this.peers.size === 0 || this.bus.problem() !== undefined) return publish(undefined);
    const name = randomBytes(9).toString('base64url');
    const missing = new Set(this.peers);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        for (const peer of missing) this.peers.delete(peer);
        resolve();
      }, HEARD_MS).unref();
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.waiting.set(name, { missing, done });
      publish(name);
    });
    this.waiting.delete(name);
  }

  acknowledge(peer: string, heard: string | undefined): void {
    if (heard !== undefined) this.bus.publish(sessionHeard, { edge: this.edge, heard }, { to: peer });
  }

  private add(peer: string): void {
    if (this.peers.size < MAX_PEERS) this.peers.add(peer);
  }

  private heard(peer: string, name: string): void {
    const waiting = this.waiting.get(name);
    if (waiting?.missing.delete(peer) && waiting.missing.size === 0) waiting.done();
  }
}
