import { isObject, type JsonObject } from './json-rpc.js';

/** Okapi BM25 with the usual constants; a term counts more in a tool's name than in what is told of it. */
const K1 = 1.2;
const B = 0.75;
const WEIGHTS = { name: 3, description: 1, argument: 1 } as const;
/** What is told later than this says little more of what a tool does. */
const MAX_TEXT_CHARACTERS = 1_024;
const MAX_QUERY_TERMS = 64;
const MAX_ARGUMENTS = 64;

interface Posting {
  readonly tool: number;
  readonly weight: number;
}

export interface SearchedTool {
  /** As it is shown. */
  readonly name: string;
  readonly definition: JsonObject;
}

/** Finds tools by words of their names, descriptions and arguments. Deterministic: equal scores keep the order of the tools. */
export class SearchIndex {
  readonly #postings = new Map<string, Posting[]>();
  readonly #lengths: number[] = [];
  #totalLength = 0;

  constructor(tools: readonly SearchedTool[] = []) {
    for (const tool of tools) this.add(tool);
  }

  get size(): number {
    return this.#lengths.length;
  }

  /** Positions of the tools that share a word with the query, the best first. */
  search(query: string, limit: number): readonly number[] {
    const scores = new Map<number, number>();
    const averageLength = this.#totalLength / Math.max(1, this.size);
    for (const term of [...new Set(terms(query))].slice(0, MAX_QUERY_TERMS)) {
      const postings = this.#postings.get(term) ?? [];
      const rarity = Math.log(1 + (this.size - postings.length + 0.5) / (postings.length + 0.5));
      for (const { tool, weight } of postings) {
        const norm = 1 - B + (B * (this.#lengths[tool] as number)) / averageLength;
        scores.set(tool, (scores.get(tool) ?? 0) + (rarity * weight * (K1 + 1)) / (weight + K1 * norm));
      }
    }
    return [...scores]
      .sort(([tool, score], [otherTool, other]) => other - score || tool - otherTool)
      .slice(0, limit)
      .map(([tool]) => tool);
  }

  /** Some 75 µs each: who adds thousands lets others have their turn in between. */
  add({ name, definition }: SearchedTool): void {
    const tool = this.size;
    const weights = new Map<string, number>();
    let length = 0;
    const count = (text: unknown, weight: number): void => {
      if (typeof text !== 'string') return;
      for (const term of terms(text)) {
        weights.set(term, (weights.get(term) ?? 0) + weight);
        length += weight;
      }
    };
    count(name, WEIGHTS.name);
    count(definition['title'], WEIGHTS.name);
    count(definition['description'], WEIGHTS.description);
    for (const [argument, schema] of argumentsOf(definition)) {
      count(argument, WEIGHTS.argument);
      if (isObject(schema)) count(schema['description'], WEIGHTS.argument);
    }
    for (const [term, weight] of weights) {
      const postings = this.#postings.get(term);
      if (postings) postings.push({ tool, weight });
      else this.#postings.set(term, [{ tool, weight }]);
    }
    this.#lengths.push(length);
    this.#totalLength += length;
  }
}

function argumentsOf(definition: JsonObject): readonly (readonly [string, unknown])[] {
  const schema = definition['inputSchema'];
  const properties = isObject(schema) ? schema['properties'] : undefined;
  return isObject(properties) ? Object.entries(properties).slice(0, MAX_ARGUMENTS) : [];
}

/** Words in lower case, `camelCase` and `snake_case` taken apart, plurals as their singular: `listPullRequests` has three. */
export function terms(text: string): readonly string[] {
  const words: string[] = [];
  let from = -1;
  const end = Math.min(text.length, MAX_TEXT_CHARACTERS);
  for (let at = 0; at < end; at += 1) {
    const kind = kindOf(text.charCodeAt(at));
    if (kind === Kind.beyondAscii) return termsOfAnyScript(text.slice(0, end));
    const isBorder = kind === Kind.none || (kind === Kind.upper && from >= 0 && kindOf(text.charCodeAt(at - 1)) !== Kind.upper);
    if (isBorder && from >= 0) words.push(singular(text.slice(from, at).toLowerCase()));
    if (kind === Kind.none) from = -1;
    else if (isBorder || from < 0) from = at;
  }
  if (from >= 0) words.push(singular(text.slice(from, end).toLowerCase()));
  return words;
}

const enum Kind {
  none,
  lower,
  upper,
  beyondAscii,
}

/** A catalogue has millions of characters, and nearly all of them are ASCII: regular expressions by Unicode take seconds for them. */
function kindOf(code: number): Kind {
  if (code > 127) return Kind.beyondAscii;
  if (code >= 65 && code <= 90) return Kind.upper;
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) ? Kind.lower : Kind.none;
}

function termsOfAnyScript(text: string): readonly string[] {
  const apart = text.replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2');
  return (apart.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).map(singular);
}

function singular(word: string): string {
  if (word.length > 4 && word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (word.length > 4 && /(?:s|x|z|ch|sh)es$/.test(word)) return word.slice(0, -2);
  return word.length > 2 && /[^su]s$/.test(word) ? word.slice(0, -1) : word;
}
