import { endToEnd, startGatewaySystem } from '@mcpgw/testing';

describe('the gateway as one process', () => {
  endToEnd(() => startGatewaySystem());
});
