import { outages, startServicesSystem } from '@mcpgw/testing';

describe('seven processes with one of them away', () => {
  outages(startServicesSystem);
});
