/**
 * `*` stands for any characters, also none; everything else for itself: the semantics of Cedar's `like`. Time grows with the
 * text alone, whatever the pattern (each piece is searched by Knuth, Morris and Pratt), so that no target can be made slow.
 * Both must be well-formed; then code units and characters match alike.
 */
export function globMatcher(pattern: string): (text: string) => boolean {
  const pieces = pattern.split('*');
  if (pieces.length === 1) return (text) => text === pattern;
  const first = pieces[0] as string;
  const last = pieces.at(-1) as string;
  const middle = pieces.slice(1, -1).filter((piece) => piece !== '').map(pieceFinder);
  return (text) => {
    const end = text.length - last.length;
    let at = first.length;
    if (end < at || !text.startsWith(first) || !text.endsWith(last)) return false;
    for (const find of middle) {
      at = find(text, at, end);
      if (at < 0) return false;
    }
    return true;
  };
}

/** Finds where the first occurrence of `piece` in `text[from, end)` stops; -1: nowhere. */
function pieceFinder(piece: string): (text: string, from: number, end: number) => number {
  const fallback = fallbackTable(piece);
  return (text, from, end) => {
    let matched = 0;
    for (let at = from; at < end; at += 1) {
      while (matched > 0 && piece[matched] !== text[at]) matched = fallback[matched - 1] as number;
      if (piece[matched] === text[at]) matched += 1;
      if (matched === piece.length) return at + 1;
    }
    return -1;
  };
}

/** For each prefix, the length of its longest proper prefix that is also its suffix. */
function fallbackTable(piece: string): readonly number[] {
  const table = [0];
  for (let at = 1, length = 0; at < piece.length; at += 1) {
    while (length > 0 && piece[length] !== piece[at]) length = table[length - 1] as number;
    if (piece[length] === piece[at]) length += 1;
    table.push(length);
  }
  return table;
}
