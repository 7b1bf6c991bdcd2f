import { describe, expect, it } from '@jest/globals';
import { formatFindings } from './findings.js';
import { loadConfigText } from './load.js';

const load = (text: string, environment: Record<string, string> = {}, file = '/srv/conf/mcp-gateway.yaml') => loadConfigText(text, file, environment);
const lines = (text: string, environment?: Record<string, string>): readonly string[] => load(text, environment, 'f.yaml').findings.map((finding) => formatFindings([finding]));

describe('loading a configuration file', () => {
  it('fills in the only organization, defaults and absolute paths', () => {
    const { config, findings } = load(`
organizations: [{ name: acme }]
servers:
  - name: files
    stdio:
      command: bin/files
      args: [./data, -v, data/other]
      sandbox: { read: [data], write: [{ path: ../out, at: /out }] }
routes:
`);
    expect(findings).toEqual([]);
    expect(config?.servers[0]).toMatchObject({
      organization: 'acme',
      stdio: { command: '/srv/conf/bin/files', args: ['/srv/conf/data', '-v', 'data/other'], sandbox: { read: ['/srv/conf/data'], write: [{ path: '/srv/out', at: '/out' }], memoryMb: 256 } },
    });
    expect(config?.routes).toEqual([]);
  });

  it('leaves a bare command to the search path', () => {
    const { config } = load('organizations: [{ name: acme }]\nservers: [{ name: a, stdio: { command: node } }]\n');
    expect(config?.servers[0]?.stdio?.command).toBe('node');
  });

  it('lists all faults at once, each with line and column', () => {
    const found = lines(`organizations:
  - name: acme
servers:
  - name: Files
    stido: { command: node }
  - name: web
    http: { url: "https://mcp.example/" }
    http: { url: "https://other.example/" }
roles:
  - name: reader
    rules:
      - allow: "files/*"
        deny: "files/*"
      - allow: "files/*"
        when: { arguments: { path: { lik: "/tmp/*" } } }
consumers:
  - name: desk
    rolse: [reader]
`);
    expect(found).toEqual([
      'f.yaml:4:11: servers[0].name: must be 1 to 31 lower-case letters, digits or dashes, starting with a letter',
      'f.yaml:5:5: servers[0].stido: is an unknown key; did you mean "stdio"?',
      'f.yaml:8:5: servers[1].http: stands here twice; remove one of the two',
      'f.yaml:12:9: roles[0].rules[0]: needs exactly one of `allow` and `deny`',
      'f.yaml:15:38: roles[0].rules[1].when.arguments.path.lik: is an unknown key; did you mean "like"?',
      'f.yaml:18:5: consumers[0].rolse: is an unknown key; did you mean "roles"?',
    ]);
  });

  it('says that the organization is required when the file declares several', () => {
    expect(lines('organizations: [{ name: a }, { name: b }]\nroles:\n  - name: r\n    rules: []\n')).toEqual(['f.yaml:3:5: roles[0].organization: is required, because the file declares 2 organizations']);
  });

  it('substitutes placeholders in servers only, and leaves those of policy alone', () => {
    const text = `organizations: [{ name: acme }]
servers:
  - name: web
    http: { url: "\${BASE}/mcp", headers: { X-Team: "\${TEAM:-none}" } }
roles:
  - name: r
    rules: [{ allow: "web/*", when: { arguments: { id: "\${consumer.customer}", other: "\${BASE}" } } }]
`;
    const { config } = load(text, { BASE: 'https://mcp.example', TEAM: '' });
    expect(config?.servers[0]?.http).toMatchObject({ url: 'https://mcp.example/mcp', headers: { 'X-Team': 'none' } });
    expect(config?.roles[0]?.rules[0]?.when?.arguments).toEqual({ id: '${consumer.customer}', other: '${BASE}' });
    expect(lines(text)).toContain('f.yaml:4:18: servers[0].http.url: the environment variable BASE is not set; set it, or write a default as ${BASE:-…}');
  });

  it('reads JSON, tabs included, and points into it', () => {
    expect(load('{\n\t"organizations": [\n\t\t{ "name": "acme" }\n\t]\n}\n').config?.organizations[0]?.name).toBe('acme');
    expect(lines('{\n  "organizations": [{ "name": "acme" }],\n  "server": []\n}\n')).toEqual(['f.yaml:3:3: server: is an unknown key; did you mean "servers"?']);
  });

  it('says where a file stops being YAML', () => {
    expect(lines('organizations:\n  - name: acme\n bad: [\n')[0]).toMatch(/^f\.yaml:\d+:\d+: is not valid YAML or JSON: /);
    expect(lines('')).toEqual(['f.yaml:1:1: organizations: is required']);
    expect(lines('just text')).toHaveLength(1);
  });

  it("finds the place of the gateway's own findings", () => {
    const { locate } = load('organizations: [{ name: acme }]\nroles:\n  - name: r\n    rules:\n      - allow: "nobody/*"\n        when: { arguments: { filter.owner: me } }\n');
    expect(locate('roles[0].rules[0].allow', 'names no server')).toMatchObject({ line: 5, column: 16, path: 'roles[0].rules[0].allow' });
    expect(locate('roles[0].rules[0].when.arguments.filter.owner', 'x')).toMatchObject({ line: 6, column: 44 });
    expect(locate('roles[0].rules[7]', 'x')).toMatchObject({ line: 5 });
  });
});
