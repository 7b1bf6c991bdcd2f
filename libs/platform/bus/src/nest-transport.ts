import type { EventMessage, Rpc } from '@mcpgw/contracts';
import { Catch, type ArgumentsHost, type RpcExceptionFilter } from '@nestjs/common';
import { EventPattern, MessagePattern, Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { firstValueFrom, throwError, type Observable } from 'rxjs';
import type { Bus, Subscription } from './bus.js';

/** Marks a controller method as the handler of a request: `(payload) => Promise<reply>`. */
export function HandleRpc<Request, Reply>(message: Rpc<Request, Reply>): MethodDecorator {
  return MessagePattern(message.subject, { message });
}

/** Marks a controller method as a listener to an event. */
export function HandleEvent<Payload>(message: EventMessage<Payload>): MethodDecorator {
  return EventPattern(message.subject, { message }) as MethodDecorator;
}

/** Lets Nest controllers serve a Bus: one subscription for each decorated method. */
export class BusTransport extends Server implements CustomTransportStrategy {
  private subscriptions: Subscription[] = [];

  constructor(private readonly bus: Bus) {
    super();
  }

  listen(ready: () => void): void {
    for (const [pattern, handler] of this.getHandlers()) this.subscriptions.push(this.bind(pattern, handler));
    ready();
  }

  async close(): Promise<void> {
    const closing = this.subscriptions.map((subscription) => subscription.close());
    this.subscriptions = [];
    await Promise.all(closing);
  }

  on(): never {
    throw new Error('The bus transport has no events of its own.');
  }

  unwrap<T>(): T {
    return this.bus as T;
  }

  private bind(pattern: string, handler: MessageHandler): Subscription {
    const message = handler.extras?.['message'] as Rpc | EventMessage | undefined;
    if (!message) throw new Error(`The handler of "${pattern}" was not declared with HandleRpc or HandleEvent.`);
    const run = async (payload: unknown): Promise<unknown> => firstValueFrom(this.transformToObservable(await handler(payload)), { defaultValue: undefined });
    return message.kind === 'rpc'
      ? this.bus.handle(message, run)
      : this.bus.subscribe(message, async (payload) => {
          await run(payload);
        });
  }
}

/** Without it Nest replaces every fault of a handler by "Internal server error"; the bus itself decides what may be seen. */
@Catch()
export class PassFaults implements RpcExceptionFilter {
  catch(exception: unknown, _host: ArgumentsHost): Observable<never> {
    return throwError(() => exception);
  }
}
