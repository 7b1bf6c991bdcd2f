// Preloaded into a demo server that names no address to listen on: keeps it on loopback, and ends it with its launcher.
import net from 'node:net';

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function loopback(first, ...rest) {
  if (typeof first === 'number' || typeof first === 'string') return listen.call(this, { port: Number(first), host: '127.0.0.1' }, ...rest.filter((value) => typeof value === 'function'));
  return listen.call(this, first, ...rest);
};
process.stdin.on('end', () => process.exit(0)).on('error', () => process.exit(0)).resume();
