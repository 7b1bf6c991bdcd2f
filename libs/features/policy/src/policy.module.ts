import { Module, type DynamicModule } from '@nestjs/common';
import { KEY_FILES, type KeyFiles } from '@mcpgw/platform-runtime';
import { bundleSigner } from './bundle-signer.js';
import { BundleStore } from './bundle-store.js';
import { POLICY_CONFIG, type PolicyConfig } from './policy-config.js';
import { PolicyController } from './policy.controller.js';
import { RegistryFollower } from './registry-follower.js';

/** The policy decision point. */
@Module({})
export class PolicyModule {
  static forRoot(config: PolicyConfig): DynamicModule {
    return {
      module: PolicyModule,
      controllers: [PolicyController],
      providers: [
        { provide: POLICY_CONFIG, useValue: config },
        { provide: BundleStore, inject: [KEY_FILES], useFactory: (keyFiles: KeyFiles) => new BundleStore(bundleSigner(keyFiles)) },
        RegistryFollower,
      ],
    };
  }
}
