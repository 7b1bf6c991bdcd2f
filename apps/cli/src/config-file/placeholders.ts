/** `${NAME}` and `${NAME:-default}`. `${consumer.<attribute>}` has a dot and belongs to policy rules: it is left as it is. */
const PLACEHOLDER = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Substituted {
  readonly text: string;
  /** Names without a value and without a default. */
  readonly missing: readonly string[];
}

/** As in a shell, `:-` also replaces an empty value. */
export function substitute(text: string, environment: Environment): Substituted {
  const missing: string[] = [];
  const replaced = text.replace(PLACEHOLDER, (whole, name: string, fallback: string | undefined) => {
    const value = environment[name];
    if (value !== undefined && (value !== '' || fallback === undefined)) return value;
    if (fallback !== undefined) return fallback;
    missing.push(name);
    return whole;
  });
  return { text: replaced, missing };
}

/** The value with every text in it replaced; keys stay. */
export function substituteAll(value: unknown, environment: Environment): unknown {
  if (typeof value === 'string') return substitute(value, environment).text;
  if (Array.isArray(value)) return value.map((item) => substituteAll(item, environment));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, substituteAll(item, environment)]));
}
