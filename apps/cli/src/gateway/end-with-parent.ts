// Loaded into a gateway that a command started (node --import). Its standard input is a pipe from that command: it ends when
// the command ends, also by SIGKILL, and then the gateway must not live on unseen.
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.resume();
// Watching must not keep the process alive.
(process.stdin as unknown as { unref?: () => void }).unref?.();

export {};
