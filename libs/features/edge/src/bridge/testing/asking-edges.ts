import { serverConfig, serverDefinition, type OrganizationName, type ServerView } from '@mcpgw/contracts';
import { organization, server, TestEdge, type TestKey } from '../../edge.fixture.js';
import { LegacyServer } from './legacy-server.js';
import { ModernServer } from './modern-server.js';

const TOOLS = { old: ['ask', 'ask_twice', 'ask_all', 'ask_undeclared', 'ask_briefly', 'ask_and_withdraw', 'hang', 'visit', 'plain'], new: ['call'] };

/** Two edges in front of a server of each era: the routes `old` and `new`, and both of them on `/mcp`. */
export class AskingEdges {
  readonly first = new TestEdge();
  readonly second = new TestEdge(this.first);
  readonly legacy = new LegacyServer();
  readonly modern = new ModernServer();
  agent!: TestKey;
  other!: TestKey;

  async start(): Promise<this> {
    await Promise.all([this.legacy.start(), this.modern.start()]);
    const route = (name: string) => ({ organization: 'acme' as OrganizationName, name: name as never, servers: [name as never] });
    this.first.registry.views.set('acme', organization('acme', { servers: [view('old', this.legacy.url, 'legacy'), view('new', this.modern.url, 'modern')], routes: [route('old'), route('new')] }));
    this.agent = this.first.addKey('acme', 'agent');
    this.other = this.first.addKey('acme', 'other');
    await this.first.start({ keepAliveSeconds: 5 });
    await this.second.start({ keepAliveSeconds: 5 });
    return this;
  }

  async close(): Promise<void> {
    await this.legacy.close();
    this.modern.close();
    await this.second.close();
    await this.first.close();
  }
}

function view(name: 'old' | 'new', url: string, era: 'legacy' | 'modern'): ServerView {
  const made = server('acme', name, TOOLS[name], era);
  const config = serverConfig.parse({ organization: 'acme', name, http: { url, allowPrivateNetwork: true }, callTimeoutSeconds: 20 });
  const capabilities = era === 'modern' ? { tools: {}, prompts: {}, resources: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } } : { tools: {}, prompts: {} };
  return { ...made, config, definition: serverDefinition.parse({ ...made.definition, capabilities }) };
}
