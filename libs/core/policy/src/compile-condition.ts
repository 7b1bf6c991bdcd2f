import type { ArgumentCondition, AttributeValue, CompiledPolicy } from '@mcpgw/contracts';
import { cedarLiteral, cedarPattern, cedarString } from './literals.js';

type Effect = CompiledPolicy['effect'];
type ArgumentTypes = CompiledPolicy['argumentTypes'][number];
type ScalarType = ArgumentTypes['types'][number];
type Comparisons = Exclude<ArgumentCondition, AttributeValue>;

/** One condition on one argument, or the faults that keep it from being compiled. */
export interface CompiledCondition {
  /** Conjuncts; the argument's presence is among them. */
  readonly cedar: readonly string[];
  readonly types: readonly ArgumentTypes[];
  readonly attributes: readonly string[];
  /** `must be at least 1 and must be at most 5`. */
  readonly words: string;
  readonly faults: readonly string[];
}

type Operand = { readonly literal: AttributeValue } | { readonly attribute: string };

const ATTRIBUTE = /^\$\{consumer\.([A-Za-z_][A-Za-z0-9_-]{0,127})\}$/;
const WORDS_SHOWN = 5;

/**
 * Compiles `context.arguments["<path>"]` against a condition. Absence decides the same way for both effects: an absent argument
 * satisfies `present: false` alone. An attribute that the consumer lacks makes the comparison false in an allow and true in a
 * deny: what can't be compared never widens what is allowed.
 */
export function compileCondition(path: string, condition: ArgumentCondition, effect: Effect): CompiledCondition {
  const comparisons: Comparisons = typeof condition === 'object' ? condition : { equals: condition };
  const key = cedarString(path);
  const argument = `context.arguments[${key}]`;
  if (comparisons.present === false) return absent(key, comparisons);
  const parts = [...equalityParts(argument, comparisons, effect), ...orderParts(argument, comparisons)];
  const words = comparisons.present === true && parts.length === 0 ? ['must be given'] : parts.map((part) => part.words);
  return {
    cedar: [`context.arguments has ${key}`, ...parts.map((part) => part.cedar)],
    types: parts.map((part) => ({ path, types: [...part.types], attributes: [...part.attributes] })),
    attributes: [...new Set(parts.flatMap((part) => part.attributes))],
    words: words.join(' and '),
    faults: [...parts.flatMap((part) => part.faults), ...contradictions(comparisons, parts)],
  };
}

function absent(key: string, comparisons: Comparisons): CompiledCondition {
  const others = Object.keys(comparisons).filter((name) => name !== 'present');
  const faults = others.length === 0 ? [] : [`asks for an absent argument and compares it too (${others.join(', ')}): drop one of them`];
  return { cedar: [`!(context.arguments has ${key})`], types: [], attributes: [], words: 'must not be given', faults };
}

interface Part {
  readonly cedar: string;
  readonly types: readonly ScalarType[];
  readonly attributes: readonly string[];
  readonly words: string;
  readonly faults: readonly string[];
}

function equalityParts(argument: string, comparisons: Comparisons, effect: Effect): readonly Part[] {
  const parts: Part[] = [];
  const any = (values: readonly AttributeValue[], words: string): void => void parts.push(setPart(argument, values, effect, true, words));
  const none = (values: readonly AttributeValue[], words: string): void => void parts.push(setPart(argument, values, effect, false, words));
  if (comparisons.equals !== undefined) any([comparisons.equals], 'must equal');
  if (comparisons.in !== undefined) any(comparisons.in, 'must be one of');
  if (comparisons.notEquals !== undefined) none([comparisons.notEquals], 'must not equal');
  if (comparisons.notIn !== undefined) none(comparisons.notIn, 'must be none of');
  if (comparisons.like !== undefined) parts.push(likePart(argument, comparisons.like));
  return parts;
}

function setPart(argument: string, values: readonly AttributeValue[], effect: Effect, member: boolean, words: string): Part {
  const operands = values.map(toOperand);
  const literals = operands.flatMap((operand) => ('literal' in operand ? [operand.literal] : []));
  const attributes = operands.flatMap((operand) => ('attribute' in operand ? [operand.attribute] : []));
  const sign = member ? '==' : '!=';
  const terms = attributes.map((name) => attributeTerm(argument, sign, name, effect));
  if (literals.length === 1) terms.unshift(`${argument} ${sign} ${cedarLiteral(literals[0] as AttributeValue)}`);
  else if (literals.length > 1) terms.unshift(`${member ? '' : '!'}[${literals.map(cedarLiteral).join(', ')}].contains(${argument})`);
  return {
    cedar: terms.length === 1 ? (terms[0] as string) : `(${terms.join(member ? ' || ' : ' && ')})`,
    types: [...new Set(literals.map(scalarType))],
    attributes,
    words: `${words} ${listWords(operands)}`,
    faults: values.flatMap(operandFaults),
  };
}

function attributeTerm(argument: string, sign: string, name: string, effect: Effect): string {
  const key = cedarString(name);
  const comparison = `${argument} ${sign} principal[${key}]`;
  return effect === 'permit' ? `(principal has ${key} && ${comparison})` : `(!(principal has ${key}) || ${comparison})`;
}

function likePart(argument: string, pattern: string): Part {
  const faults = pattern.includes('${') ? ['can not use ${…} in `like`: use `equals`'] : wellFormedFaults(pattern);
  return { cedar: `${argument} like ${cedarPattern(pattern)}`, types: ['string'], attributes: [], words: `must match ${shown(pattern)}`, faults };
}

const ORDERS = [
  ['atLeast', '>=', 'must be at least'],
  ['greaterThan', '>', 'must be greater than'],
  ['atMost', '<=', 'must be at most'],
  ['lessThan', '<', 'must be less than'],
] as const;

function orderParts(argument: string, comparisons: Comparisons): readonly Part[] {
  return ORDERS.flatMap(([name, sign, words]): readonly Part[] => {
    const bound = comparisons[name];
    if (bound === undefined) return [];
    return [{ cedar: `${argument} ${sign} ${bound}`, types: ['integer'], attributes: [], words: `${words} ${bound}`, faults: [] }];
  });
}

/** Conditions that no value can satisfy are a slip of the writer; an allow would never allow, a deny never deny. */
function contradictions(comparisons: Comparisons, parts: readonly Part[]): readonly string[] {
  const faults: string[] = [];
  const literal = parts.filter((part) => part.attributes.length === 0);
  const common = literal.reduce<readonly ScalarType[] | undefined>((types, part) => types?.filter((type) => part.types.includes(type)) ?? part.types, undefined);
  if (common?.length === 0) faults.push(`compares the same argument as ${[...new Set(literal.flatMap((part) => part.types))].join(' and as ')}: no value is both`);
  const least = Math.max(comparisons.atLeast ?? -Infinity, (comparisons.greaterThan ?? -Infinity) + 1);
  const most = Math.min(comparisons.atMost ?? Infinity, (comparisons.lessThan ?? Infinity) - 1);
  if (least > most) faults.push(`asks for an integer of at least ${least} and at most ${most}: there is none`);
  return faults;
}

function toOperand(value: AttributeValue): Operand {
  const name = typeof value === 'string' ? ATTRIBUTE.exec(value)?.[1] : undefined;
  return name === undefined ? { literal: value } : { attribute: name };
}

function operandFaults(value: AttributeValue): readonly string[] {
  if (typeof value !== 'string') return [];
  if (!value.includes('${')) return wellFormedFaults(value);
  const name = ATTRIBUTE.exec(value)?.[1];
  if (name === undefined) return [`has ${shown(value)}: \${…} must be the whole value and read \${consumer.<attribute>}`];
  return name.startsWith('__') ? [`names the attribute ${name}: names that begin with two underscores are reserved`] : [];
}

function wellFormedFaults(text: string): readonly string[] {
  return text.isWellFormed() ? [] : ['holds half of a UTF-16 pair, which is no text'];
}

function scalarType(value: AttributeValue): ScalarType {
  if (typeof value === 'number') return 'integer';
  return typeof value === 'string' ? 'string' : 'boolean';
}

function listWords(operands: readonly Operand[]): string {
  const words = operands.slice(0, WORDS_SHOWN).map((operand) => ('attribute' in operand ? `your consumer's ${operand.attribute}` : shown(operand.literal)));
  if (operands.length > WORDS_SHOWN) words.push(`${operands.length - WORDS_SHOWN} more`);
  return words.join(', ');
}

function shown(value: AttributeValue): string {
  const text = JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
