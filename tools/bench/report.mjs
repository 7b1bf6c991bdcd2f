// How every benchmark ends: a table for people, the same rows as JSON with `--json FILE`, a last line, exit 1 for a missed goal.
import { writeFileSync } from 'node:fs';

/** `rows`: {figure, baseline, ours, ratio, goal, ok}; numbers or text. A row without a goal is shown and not judged. */
export function report(rows) {
  const columns = ['figure', 'baseline', 'ours', 'ratio', 'goal', 'ok'];
  const text = (value) => (value === undefined || value === null ? '' : typeof value === 'number' ? (Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value < 1 ? 3 : 2)) : typeof value === 'boolean' ? (value ? 'met' : 'MISSED') : value);
  const cells = rows.map((row) => columns.map((column) => text(row[column])));
  const widths = columns.map((column, index) => Math.max(column.length, ...cells.map((row) => row[index].length)));
  const line = (row) => row.map((cell, index) => (index === 0 ? cell.padEnd(widths[index]) : cell.padStart(widths[index]))).join('  ');
  console.log([line(columns), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.map(line)].join('\n'));
  const judged = rows.filter((row) => row.ok !== undefined);
  const missed = judged.filter((row) => !row.ok).length;
  const target = process.argv.indexOf('--json');
  if (target >= 0) writeFileSync(process.argv[target + 1], `${JSON.stringify(rows, null, 2)}\n`);
  console.log(`\n${judged.length - missed} goals met, ${missed} missed`);
  process.exitCode = missed === 0 ? 0 : 1;
}
