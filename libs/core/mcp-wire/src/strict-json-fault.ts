export type StrictJsonCode = 'too_large' | 'invalid_utf8' | 'invalid_json' | 'duplicate_key' | 'unsafe_integer' | 'too_deep' | 'forbidden_key';

/** `position` counts UTF-16 characters from 0; for `too_large` and `invalid_utf8` it counts bytes. */
export interface StrictJsonFault {
  readonly ok: false;
  readonly code: StrictJsonCode;
  readonly message: string;
  readonly position: number;
}

/**
 * Finds the first fault of a text that the fast path refused. A complete JSON scanner (RFC 8259), slower than the engine's
 * and only ever run on a body that is refused anyway.
 */
export function locateFault(text: string, maxDepth: number): StrictJsonFault {
  try {
    new Scanner(text, maxDepth).document();
  } catch (fault) {
    if (fault instanceof Fault) return { ok: false, code: fault.code, message: `${fault.message} (at character ${fault.position})`, position: fault.position };
    throw fault;
  }
  // Unreachable while both scanners agree, which a property test holds; a refusal must stay one in any case.
  return { ok: false, code: 'invalid_json', message: 'the body is not acceptable JSON', position: 0 };
}

class Fault extends Error {
  readonly code: StrictJsonCode;
  readonly position: number;

  constructor(code: StrictJsonCode, message: string, position: number) {
    super(message);
    this.code = code;
    this.position = position;
  }
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const LITERAL = /true|false|null/y;
const BACKSLASH = 0x5c;

class Scanner {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  document(): void {
    if (this.#text.charCodeAt(0) === 0xfeff) throw new Fault('invalid_json', 'a byte order mark is not allowed', 0);
    this.#space();
    this.#value(1);
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected('end of the body');
  }

  #value(depth: number): void {
    const first = this.#text[this.#at];
    if (first === '{') this.#object(depth);
    else if (first === '[') this.#array(depth);
    else if (first === '"') this.#string();
    else if (first === '-' || (first !== undefined && first >= '0' && first <= '9')) this.#number();
    else this.#match(LITERAL, 'a JSON value');
  }

  #object(depth: number): void {
    this.#enter(depth);
    const seen = new Set<string>();
    if (this.#take('}')) return;
    for (;;) {
      const position = this.#at;
      const key = this.#string();
      if (key === '__proto__') throw new Fault('forbidden_key', 'the key "__proto__" is not allowed', position);
      if (seen.has(key)) throw new Fault('duplicate_key', `the key ${JSON.stringify(key.slice(0, 80))} appears twice in one object`, position);
      seen.add(key);
      this.#space();
      if (!this.#take(':')) throw this.#unexpected('":"');
      this.#value(depth + 1);
      this.#space();
      if (this.#take('}', false)) return;
      if (!this.#take(',')) throw this.#unexpected('"," or "}"');
    }
  }

  #array(depth: number): void {
    this.#enter(depth);
    if (this.#take(']')) return;
    for (;;) {
      this.#value(depth + 1);
      this.#space();
      if (this.#take(']', false)) return;
      if (!this.#take(',')) throw this.#unexpected('"," or "]"');
    }
  }

  #enter(depth: number): void {
    if (depth > this.#maxDepth) throw new Fault('too_deep', `more than ${this.#maxDepth} levels of nesting`, this.#at);
    this.#at += 1;
    this.#space();
  }

  #string(): string {
    const position = this.#at;
    if (this.#text[position] !== '"') throw this.#unexpected('a string');
    this.#at = endOfString(this.#text, position + 1) + 1;
    let value: string;
    try {
      value = JSON.parse(this.#text.slice(position, this.#at)) as string;
    } catch {
      throw new Fault('invalid_json', 'a string is not closed, or holds a control character or an invalid escape', position);
    }
    if (!value.isWellFormed()) throw new Fault('invalid_json', 'a string holds a lone surrogate', position);
    return value;
  }

  #number(): void {
    const position = this.#at;
    if (isUnsafe(Number(this.#match(NUMBER, 'a number')))) throw new Fault('unsafe_integer', 'a number is beyond 2^53-1 and would lose digits; send it as a string', position);
  }

  #match(pattern: RegExp, expected: string): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) throw this.#unexpected(expected);
    this.#at += found.length;
    return found;
  }

  #take(character: string, thenSpace = true): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    if (thenSpace) this.#space();
    return true;
  }

  #space(): void {
    for (let code = this.#text.charCodeAt(this.#at); code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09; code = this.#text.charCodeAt(this.#at)) this.#at += 1;
  }

  #unexpected(expected: string): Fault {
    const found = this.#at < this.#text.length ? JSON.stringify(this.#text[this.#at]) : 'the end of the body';
    return new Fault('invalid_json', `expected ${expected}, found ${found}`, this.#at);
  }
}

/** Index of the closing quote of the string whose content starts at `from`, or the text's length when it never closes. */
export function endOfString(text: string, from: number): number {
  for (let at = from; ; at += 1) {
    at = text.indexOf('"', at);
    if (at === -1) return text.length;
    let backslashes = at;
    while (backslashes > from && text.charCodeAt(backslashes - 1) === BACKSLASH) backslashes -= 1;
    if (((at - backslashes) & 1) === 0) return at;
  }
}

/** Also true for what overflows to Infinity. */
export function isUnsafe(value: number): boolean {
  return value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER;
}
