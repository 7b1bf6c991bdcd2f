import { Module, type DynamicModule } from '@nestjs/common';
import { AUDIT_CONFIG, type AuditConfig } from './audit.config.js';

/** The audit service: the log, its trees and checkpoints. */
@Module({})
export class AuditModule {
  static forRoot(config: AuditConfig): DynamicModule {
    return { module: AuditModule, providers: [{ provide: AUDIT_CONFIG, useValue: config }] };
  }
}
