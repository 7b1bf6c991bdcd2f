const SHOWN = 6;
const COLUMNS = ['scenario', 'direct', 'gateway', 'verdict'];

/** One table for each run, misses with what the suite said about them. Returns how many scenarios met their goal and how many didn't. */
export function report(runs) {
  let [met, missed] = [0, 0];
  for (const run of runs) {
    const failed = run.rows.filter((row) => row.misses.length > 0);
    met += run.rows.length - failed.length;
    missed += failed.length;
    const checks = run.rows.reduce((sum, row) => sum + Number((row.gateway || row.checks || '0').split('/')[0]), 0);
    const excused = run.rows.flatMap((row) => row.excuses ?? []).length;
    console.log(`\n${run.id}: ${run.shows}\n  ${run.rows.length - failed.length}/${run.rows.length} scenarios, ${checks} checks passed${excused > 0 ? `, ${excused} excused by baseline.json` : ''}`);
    const lines = failed.map((row) => [row.scenario, row.checks, row.gateway, 'missed']);
    const widths = COLUMNS.map((title, index) => Math.max(title.length, ...lines.map((line) => line[index].length)));
    const print = (line) => console.log(`  ${line.map((cell, index) => cell.padEnd(widths[index])).join('  ')}`);
    if (lines.length > 0) print(COLUMNS);
    for (const [index, line] of lines.entries()) {
      print(line);
      const { misses } = failed[index];
      for (const miss of misses.slice(0, SHOWN)) console.log(`      ${miss.check}: ${miss.direct ?? ''} -> ${miss.gateway ?? ''}  ${(miss.said ?? '').slice(0, 400)}`);
      if (misses.length > SHOWN) console.log(`      and ${misses.length - SHOWN} more`);
    }
    for (const note of run.notes ?? []) console.log(`  ${note}`);
  }
  return { met, missed };
}
