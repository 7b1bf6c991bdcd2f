import { Module, type DynamicModule } from '@nestjs/common';
import { ApplyConfig } from './apply/apply-config.js';
import { ApplyController } from './apply/apply.controller.js';
import { Ask } from './discovery/ask.js';
import { Claims } from './discovery/claims.js';
import { DiscoveryController } from './discovery/discovery.controller.js';
import { Discovery } from './discovery/discovery.js';
import { RefreshServer } from './discovery/refresh.js';
import { Settle } from './discovery/settle.js';
import { ApiKeys } from './keys/api-keys.js';
import { KeysController } from './keys/keys.controller.js';
import { OperatorsController } from './operators/operators.controller.js';
import { Operators } from './operators/operators.js';
import { REGISTRY_CONFIG, type RegistryConfig } from './registry.config.js';
import { SecretsController } from './secrets/secrets.controller.js';
import { Secrets } from './secrets/secrets.js';
import { SnapshotController } from './snapshot/snapshot.controller.js';
import { Snapshot } from './snapshot/snapshot.js';
import { StatusController } from './status/status.controller.js';
import { Changes } from './store/changes.js';
import { Database } from './store/database.js';

@Module({})
export class RegistryModule {
  static forRoot(config: RegistryConfig): DynamicModule {
    return {
      module: RegistryModule,
      controllers: [ApplyController, DiscoveryController, KeysController, OperatorsController, SecretsController, SnapshotController, StatusController],
      providers: [{ provide: REGISTRY_CONFIG, useValue: config }, Database, Changes, ApplyConfig, ApiKeys, Secrets, Snapshot, Operators, Claims, Ask, Settle, Discovery, RefreshServer],
    };
  }
}
