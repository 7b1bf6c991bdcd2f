// The suite's client carries no key, so a small proxy on localhost puts one into each request. Everything else it leaves as
// it is: Host and Origin, streams as they come, and a client that goes away is gone for the gateway too.
import { createServer, request as send } from 'node:http';

const HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'trailer']);
const forwarded = (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP.has(name)));

/**
 * Requests go to the targets in turn, without affinity. A target that takes no connection is passed over, as a load balancer
 * would do it: nothing was sent to it.
 */
export async function startProxy(targets, key) {
  let turn = 0;
  const underWay = targets.map(() => 0);
  const listeners = new Set();
  let held = Promise.resolve();

  function forward(request, response, body, tries) {
    const index = turn++ % targets.length;
    const target = new URL(targets[index]);
    // A GET is a stream without end, which its client opens again.
    let open = request.method !== 'GET';
    if (open) underWay[index] += 1;
    const done = () => {
      if (open) underWay[index] -= 1;
      open = false;
      for (const listener of listeners) listener();
    };
    const upstream = send({ host: target.hostname, port: target.port, path: request.url, method: request.method, agent: false, headers: { ...forwarded(request.headers), authorization: `Bearer ${key}` } }, (answer) => {
      response.writeHead(answer.statusCode, forwarded(answer.headers));
      response.flushHeaders();
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    });
    upstream.once('close', done);
    upstream.once('error', (error) => {
      done();
      if (error.code === 'ECONNREFUSED' && tries > 1) return forward(request, response, body, tries - 1);
      response.destroy();
    });
    response.once('close', () => upstream.destroy());
    upstream.end(body);
  }

  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => void held.then(() => forward(request, response, Buffer.concat(chunks), targets.length)));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://localhost:${server.address().port}`,
    /** Does this while no request is under way at the target; those that come meanwhile wait. */
    whileIdle: async (index, action) => {
      await new Promise((resolve) => {
        const look = () => {
          if (underWay[index] > 0) return;
          listeners.delete(look);
          held = new Promise((release) => resolve(action().finally(release)));
        };
        listeners.add(look);
        look();
      });
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
