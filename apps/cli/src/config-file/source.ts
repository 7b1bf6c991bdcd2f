import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node, type Pair } from 'yaml';
import { pathText, type Finding, type Path } from './findings.js';

/** A parsed file that remembers where everything stands. */
export class Source {
  private readonly lines = new LineCounter();
  private readonly document: Document;

  constructor(
    readonly file: string,
    text: string,
  ) {
    // JSON is read by the same parser: YAML 1.2 contains it. Repeated keys are ours to find, with their path.
    this.document = parseDocument(text, { lineCounter: this.lines, uniqueKeys: false, prettyErrors: false });
  }

  /** What makes the file unreadable as a whole. */
  syntaxFindings(): readonly Finding[] {
    return this.document.errors.map((error) => this.at(error.pos[0], [], `is not valid YAML or JSON: ${error.message}`));
  }

  value(): unknown {
    return this.document.toJS({ maxAliasCount: 1_000 }) as unknown;
  }

  /** Keys that stand twice in one mapping. The second would silently win. */
  duplicateFindings(): readonly Finding[] {
    const findings: Finding[] = [];
    visit(this.document.contents, [], (node, path) => {
      if (!isMap(node)) return;
      const seen = new Set<string>();
      for (const pair of node.items) {
        const key = keyOf(pair);
        if (seen.has(key)) findings.push(this.at(keyOffset(pair, node), [...path, key], 'stands here twice; remove one of the two'));
        seen.add(key);
      }
    });
    return findings;
  }

  /** Every text value below the path. */
  texts(below: Path, take: (text: string, path: Path) => void): void {
    visit(this.find(below).exact, below, (node, path) => {
      if (isScalar(node) && typeof node.value === 'string') take(node.value, path);
    });
  }

  /** A finding at the value of a path, or at the nearest thing around it that the file has. */
  finding(path: Path, message: string, where: 'value' | 'key' = 'value'): Finding {
    const { offset, keyAt } = this.find(path);
    return this.at(where === 'key' && keyAt !== undefined ? keyAt : offset, path, message);
  }

  private at(offset: number, path: Path, message: string): Finding {
    const { line, col } = this.lines.linePos(offset);
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1), path: pathText(path), message };
  }

  private find(path: Path): { readonly exact: Node | undefined; readonly offset: number; readonly keyAt: number | undefined } {
    let node: Node | undefined = this.document.contents ?? undefined;
    let offset = node?.range?.[0] ?? 0;
    let keyAt: number | undefined;
    let rest = path;
    while (rest.length > 0) {
      const step = child(isAlias(node) ? node.resolve(this.document) : node, rest);
      if (!step) return { exact: undefined, offset, keyAt: undefined };
      node = step.node;
      keyAt = step.keyAt;
      offset = node?.range?.[0] ?? keyAt ?? offset;
      rest = rest.slice(step.used);
    }
    return { exact: node, offset, keyAt };
  }
}

interface Step {
  readonly node: Node | undefined;
  readonly keyAt: number | undefined;
  readonly used: number;
}

/** One step down. A path that came as text has cut keys with dots to pieces: the longest key that fits is taken. */
function child(node: Node | undefined, rest: Path): Step | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(rest[0])];
    return isNode(item) ? { node: item, keyAt: item.range?.[0], used: 1 } : undefined;
  }
  if (!isMap(node)) return undefined;
  for (let used = rest.length; used >= 1; used--) {
    const key = rest.slice(0, used).join('.');
    const pair = node.items.findLast((candidate) => keyOf(candidate) === key);
    if (pair) return { node: isNode(pair.value) ? pair.value : undefined, keyAt: keyOffset(pair, node), used };
  }
  return undefined;
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

function keyOffset(pair: Pair, around: Node): number {
  return (isNode(pair.key) ? pair.key.range?.[0] : undefined) ?? around.range?.[0] ?? 0;
}

/** Aliases are not followed: what they stand for is visited where it stands. */
function visit(node: unknown, path: Path, take: (node: Node, path: Path) => void): void {
  if (!isNode(node)) return;
  take(node, path);
  if (isMap(node)) for (const pair of node.items) visit(pair.value, [...path, keyOf(pair)], take);
  if (isSeq(node)) for (const [index, item] of node.items.entries()) visit(item, [...path, index], take);
}
