export type Path = readonly (string | number)[];

/** A fault of a configuration file and where it stands; lines and columns count from 1. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}

/** `['roles', 2, 'rules']` -> `roles[2].rules`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`), '');
}

/** The way back. A key that contains dots comes out in pieces; whoever looks it up joins them again. */
export function parsePath(text: string): Path {
  return [...text.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key]) => (index === undefined ? (key as string) : Number(index)));
}

/** `file:line:column: path: message`, a line each, as compilers print them. */
export function formatFindings(findings: readonly Finding[]): string {
  return findings.map(({ file, line, column, path, message }) => `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`).join('\n');
}
