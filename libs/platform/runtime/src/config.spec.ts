import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { ConfigError, environmentName, loadConfig } from './config.js';

const schema = z.object({ edgePort: z.coerce.number().int().max(65_535).default(8080), databaseUrl: z.url(), mode: z.enum(['a', 'b']).default('a') });

describe('loadConfig', () => {
  it('names environment variables after the fields', () => {
    expect(environmentName('edgePort')).toBe('MCPGW_EDGE_PORT');
    expect(environmentName('otlpEndpoint')).toBe('MCPGW_OTLP_ENDPOINT');
  });

  it('reads the environment, falls back to defaults, and takes overrides first', () => {
    const environment = { MCPGW_EDGE_PORT: '9000', MCPGW_DATABASE_URL: 'postgresql://a/b', MCPGW_MODE: '' };
    expect(loadConfig(schema, {}, environment)).toEqual({ edgePort: 9000, databaseUrl: 'postgresql://a/b', mode: 'a' });
    expect(loadConfig(schema, { databaseUrl: 'postgresql://c/d' }, environment).databaseUrl).toBe('postgresql://c/d');
  });

  it('reports every fault at once by the name that a person can change', () => {
    const fault = (): unknown => loadConfig(schema, {}, { MCPGW_EDGE_PORT: 'many', MCPGW_MODE: 'c' });
    expect(fault).toThrow(ConfigError);
    expect(fault).toThrow(/3 faults:\n {2}MCPGW_EDGE_PORT: .*\n {2}MCPGW_DATABASE_URL: .*\n {2}MCPGW_MODE: /);
  });

  it('reads what should not stand in an environment from a file, and says when it can not', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'mcpgw-config-'));
    try {
      writeFileSync(path.join(directory, 'url'), 'postgresql://from/file\n');
      expect(loadConfig(schema, {}, { MCPGW_DATABASE_URL_FILE: path.join(directory, 'url') }).databaseUrl).toBe('postgresql://from/file');
      expect(() => loadConfig(schema, {}, { MCPGW_DATABASE_URL_FILE: path.join(directory, 'absent') })).toThrow(/MCPGW_DATABASE_URL_FILE: can't read .*absent/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
