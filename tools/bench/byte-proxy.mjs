// The least that stands between a client and a server: bytes in, bytes out, nothing read. The gateway is measured against it.
import { createServer } from 'node:http';
import { Pool } from 'undici';

const upstream = new Pool(process.env.UPSTREAM, { connections: 64 });

createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    try {
      const reply = await upstream.request({ path: request.url, method: request.method, headers: { 'content-type': 'application/json', accept: request.headers.accept ?? '*/*' }, body: Buffer.concat(chunks) });
      const body = Buffer.from(await reply.body.arrayBuffer());
      response.writeHead(reply.statusCode, { 'content-type': reply.headers['content-type'] ?? 'application/json', 'content-length': body.length }).end(body);
    } catch (error) {
      response.writeHead(502).end(String(error));
    }
  });
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));

process.stdin.on('end', () => process.exit(0)).resume();
