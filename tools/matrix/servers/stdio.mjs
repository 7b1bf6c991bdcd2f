// `node stdio.mjs <revision> <state folder>`: one server of the matrix on standard input and output.
import { StdioServerTransport as LegacyTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { legacyServer } from './legacy-server.mjs';
import { MODERN_VERSION, modernServer } from './modern-server.mjs';
import { State } from './state.mjs';
import { Tasks } from './tasks.mjs';
import { WATCHED_URI } from './offer.mjs';

const [version, folder] = process.argv.slice(2);
const state = new State(folder);

/** Takes what is about tasks before the SDK sees it. */
class TaskTransport {
  tasks = new Tasks();

  constructor(inner) {
    this.inner = inner;
    inner.onmessage = (message, extra) => {
      const answer = this.tasks.answer(message);
      if (answer) void inner.send(answer);
      else this.onmessage?.(message, extra);
    };
    inner.onclose = () => this.onclose?.();
    inner.onerror = (error) => this.onerror?.(error);
  }

  start() {
    return this.inner.start();
  }

  send(message, options) {
    return this.inner.send(message, options);
  }

  close() {
    return this.inner.close();
  }
}

if (version === MODERN_VERSION) {
  let server;
  serveStdio(() => (server = modernServer(state)), { legacy: 'reject', transport: new TaskTransport(new StdioServerTransport()) });
  state.follow({
    onNames: () => {
      for (const send of ['sendToolListChanged', 'sendPromptListChanged', 'sendResourceListChanged']) void server?.[send]().catch(() => {});
    },
    onWatched: () => void server?.sendResourceUpdated({ uri: WATCHED_URI }).catch(() => {}),
  });
} else {
  const server = legacyServer(version, state);
  await server.connect(new LegacyTransport());
  state.follow({ onNames: server.namesChanged, onWatched: server.watchedChanged });
}
process.stdin.on('end', () => process.exit(0));
