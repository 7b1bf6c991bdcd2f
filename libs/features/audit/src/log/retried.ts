import { GatewayError } from '@mcpgw/contracts';

const ATTEMPTS = 6;

/** Runs a transaction again when another writer was faster, a few times; `attempt` counts from 0. */
export async function retried<T>(work: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'conflict' || attempt + 1 >= ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2 ** attempt));
    }
  }
}
