export type { Bus, HandleOptions, RequestOptions, Subscription } from './bus.js';
export { MemoryBus } from './memory-bus.js';
export { connectNatsBus, type NatsBusOptions } from './nats-bus.js';
export { BusTransport, HandleEvent, HandleRpc, PassFaults } from './nest-transport.js';
export { ThreadBus } from './thread-bus.js';
