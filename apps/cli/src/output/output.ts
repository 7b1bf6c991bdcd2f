/** Standard output carries results only: one JSON document with `--json`, text for people otherwise. Everything else goes to standard error. */
export class Output {
  constructor(readonly json: boolean) {}

  result(value: unknown, text: () => string): void {
    const shown = this.json ? JSON.stringify(value, null, 2) : text();
    if (shown !== '') this.line(shown);
  }

  line(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }
}
