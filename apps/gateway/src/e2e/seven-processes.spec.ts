import { endToEnd, startServicesSystem } from '@mcpgw/testing';

describe('the gateway as seven processes on NATS', () => {
  endToEnd(startServicesSystem);
});
