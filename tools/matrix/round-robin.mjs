// Several edges as one address: each request goes to the next of them, with no regard to who sent it. A dead one is passed over.
import { createServer, request as send } from 'node:http';

/** Streams both ways; either side that goes away takes the other with it. */
export async function startRoundRobin(urls) {
  const targets = urls.map((url) => new URL(url));
  let next = 0;
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    forward(request, Buffer.concat(chunks), response, targets.length);
  });
  const forward = (request, body, response, left) => {
    const target = targets[next++ % targets.length];
    // A connection of its own, so that a dead edge refuses it and nothing is lost on an old one.
    const outgoing = send({ agent: false, host: target.hostname, port: target.port, path: request.url, method: request.method, headers: { ...request.headers, host: target.host } });
    outgoing.on('response', (incoming) => {
      response.writeHead(incoming.statusCode, incoming.headers).flushHeaders();
      incoming.on('error', () => response.destroy()).pipe(response);
    });
    outgoing.on('error', ({ code }) => {
      // Nobody took it: another may. What was taken is never sent again.
      if (code === 'ECONNREFUSED' && left > 1 && !response.destroyed) return forward(request, body, response, left - 1);
      if (!response.headersSent) response.writeHead(502);
      response.destroy();
    });
    response.on('close', () => outgoing.destroy());
    outgoing.end(body);
  };
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
