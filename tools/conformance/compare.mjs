// Judges a run through the gateway by the same run against the server itself. A scenario is one goal.

/** Statuses that say that a check was made and found nothing wrong. INFO is the suite's word for a choice that the specification leaves, such as JSON instead of an event stream. */
const FINE = new Set(['SUCCESS', 'INFO']);
const counts = (check) => check !== undefined && check.status !== 'SKIPPED' && check.status !== 'INFO';

/**
 * What the gateway owes is what the server does itself: each check that succeeds directly. `excused` maps `scenario` or
 * `scenario:check` to the reason why it can't be owed; a reason that isn't needed is a miss of its own, so that the list
 * can't outlive its causes.
 */
export function compare(direct, through, excused = {}) {
  const used = new Set();
  const rows = Object.entries(direct).map(([scenario, checks]) => {
    const misses = [];
    const excuses = [];
    const observed = through[scenario] ?? {};
    for (const id of new Set([...Object.keys(checks), ...Object.keys(observed)])) {
      const owed = counts(checks[id]) && FINE.has(checks[id].status);
      const broken = !counts(checks[id]) && counts(observed[id]) && !FINE.has(observed[id].status);
      if (!broken && (!owed || FINE.has(observed[id]?.status))) continue;
      const excuse = [`${scenario}:${id}`, scenario].find((key) => Object.hasOwn(excused, key));
      if (excuse === undefined) misses.push({ check: id, direct: checks[id]?.status ?? 'absent', gateway: observed[id]?.status ?? 'absent', said: observed[id]?.said });
      else {
        used.add(excuse);
        excuses.push(id);
      }
    }
    return { scenario, checks: tally(checks), gateway: tally(observed), excuses, misses };
  });
  for (const key of Object.keys(excused)) if (!used.has(key)) rows.push({ scenario: key, checks: '', gateway: '', misses: [{ check: 'baseline', said: 'This entry of baseline.json is stale: nothing of it fails any more.' }] });
  return rows;
}

/** `passed/made`, skipped ones left out. */
export function tally(checks) {
  const made = Object.values(checks).filter(counts);
  return `${made.filter((check) => FINE.has(check.status)).length}/${made.length}`;
}

/** What is wrong with a run against the server itself, which must be perfect but for what the suite says it can't test. */
export function faults(direct) {
  return Object.entries(direct).flatMap(([scenario, checks]) => Object.entries(checks).filter(([, check]) => counts(check) && !FINE.has(check.status)).map(([id, check]) => ({ scenario, check: id, ...check })));
}
