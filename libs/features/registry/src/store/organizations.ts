import { GatewayError } from '@mcpgw/contracts';
import type { RegistryTransaction } from '@mcpgw/platform-database';
import { didYouMean } from '../declared/suggest.js';

const MAX_SUGGESTED_FROM = 2_000;

/** `not_found`, with the name that was probably meant, when there is no such organization. */
export async function requireOrganization(tx: RegistryTransaction, name: string): Promise<void> {
  if ((await tx.organization.count({ where: { name } })) > 0) return;
  const known = await tx.organization.findMany({ select: { name: true }, take: MAX_SUGGESTED_FROM });
  throw new GatewayError('not_found', `There is no organization "${name}".${didYouMean(name, known.map((row) => row.name))} Declare it in the configuration and apply that.`);
}
