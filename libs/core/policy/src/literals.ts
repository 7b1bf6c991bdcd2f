/**
 * Strings as Cedar text. Everything that is not plain ASCII is written as an escape, so that no character can end the literal,
 * reorder the line on a screen, or look like another. The text must be well-formed (no lone surrogate): Cedar can't hold it.
 */
export function cedarString(text: string): string {
  return `"${escape(text)}"`;
}

/**
 * A pattern of ours, where every `*` is a wildcard and nothing else is special, as the right side of `like`. Cedar reads an
 * escaped `\u{2a}` as a wildcard too, so a literal star could only be written `\*`; our patterns have none.
 */
export function cedarPattern(pattern: string): string {
  return `"${pattern.split('*').map(escape).join('*')}"`;
}

export function cedarLiteral(value: string | number | boolean): string {
  return typeof value === 'string' ? cedarString(value) : String(value);
}

function escape(text: string): string {
  let escaped = '';
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (character === '"' || character === '\\') escaped += `\\${character}`;
    else escaped += code >= 0x20 && code <= 0x7e ? character : `\\u{${code.toString(16)}}`;
  }
  return escaped;
}
