import type { Bus } from '@mcpgw/platform-bus';
import { createContext, startService, type CommonConfig, type Logger, type RunningService, type ServiceBlueprint, type ServiceName } from '@mcpgw/platform-runtime';

export type Undo = () => Promise<void> | void;

/** Starts them in this order, adding each to `running`; `undo` gets the way to stop each. */
export async function startServices(common: CommonConfig, wanted: ReadonlyMap<ServiceName, ServiceBlueprint>, bus: Bus, logger: Logger, running: Map<ServiceName, RunningService>, undo: Undo[]): Promise<void> {
  for (const [name, { module, listen }] of wanted) {
    const service = await startService(createContext(name, bus, logger, common), module, listen).catch((error: unknown) => {
      throw portTaken(error, name) ?? error;
    });
    running.set(name, service);
    undo.push(() => service.close());
  }
}

/** Runs what was collected, last first, and empties it. */
export async function undoAll(undo: Undo[]): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

function portTaken(error: unknown, name: ServiceName): Error | undefined {
  const { code, port } = error as { code?: string; port?: number };
  if (code !== 'EADDRINUSE') return undefined;
  const variable = `MCPGW_${name.toUpperCase()}_PORT`;
  return new Error(`The port ${port ?? ''} of the ${name} service is taken by another program. Stop that program, or set ${variable} to another port (0: any free one).`, { cause: error });
}
