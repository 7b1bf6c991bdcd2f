let waiting: (() => void)[] = [];

/**
 * Runs the work once everything that is ready in this turn of the event loop has been dealt with, in the order given. For
 * writing answers: a socket's reader wakes at the first byte, and on a busy machine takes the processor from us in the
 * middle of a turn; answers that leave together cost that once. It is at most one turn, so nothing gathers here.
 */
export function atEndOfTurn(work: () => void): void {
  waiting.push(work);
  if (waiting.length === 1) setImmediate(run);
}

function run(): void {
  const all = waiting;
  waiting = [];
  for (const work of all) work();
}
