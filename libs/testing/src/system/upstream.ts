import path from 'node:path';
import { connect } from 'node:net';
import { freePort } from '../bus/nats-server.js';
import { Child, until, WORKSPACE } from './child.js';

/** The reference server over Streamable HTTP, on loopback. */
export async function startHttpUpstream(directory: string): Promise<{ url: string; port: number; child: Child }> {
  const port = await freePort();
  const entry = path.join(WORKSPACE, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
  const child = Child.start('upstream', [process.execPath, '--import', path.join(WORKSPACE, 'tools/start/loopback-only.mjs'), entry, 'streamableHttp'], { PORT: String(port) }, directory);
  await until('the HTTP upstream listens', () => {
    if (!child.running()) throw new Error(child.log());
    return new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  });
  return { url: `http://127.0.0.1:${port}/mcp`, port, child };
}
