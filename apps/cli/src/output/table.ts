/** Columns padded to their widest cell, two spaces apart. Control characters of foreign text can't reach the terminal. */
export function table(head: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): string {
  const lines = [head, ...rows.map((row) => row.map((cell) => plain(String(cell ?? ''))))];
  const widths = head.map((_title, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines.map((line) => line.map((cell, column) => (column === line.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ').trimEnd()).join('\n');
}

/** Text from a server or a log without escape sequences and line breaks. */
export function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this removes
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}

/** The same for text of several lines. */
export function plainLines(text: string): string {
  return text.split(/\r?\n/).map(plain).join('\n');
}

export function count(amount: number, singular: string, plural = `${singular}s`): string {
  return `${amount} ${amount === 1 ? singular : plural}`;
}
