export { busContract, type BusPair } from './bus/bus-contract.js';
export { freePort, startNatsServer, type NatsServer } from './bus/nats-server.js';
export { testDatabase, type TestDatabase } from './test-database.js';
