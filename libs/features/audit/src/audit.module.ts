import { Module, type DynamicModule } from '@nestjs/common';
import { AppendBatch } from './append/append-batch.js';
import { AuditService } from './audit-service.js';
import { AUDIT_CONFIG, type AuditConfig } from './audit.config.js';
import { AuditController } from './audit.controller.js';
import { Checkpoints } from './checkpoints/checkpoints.js';
import { CloseIntents } from './close/close-intents.js';
import { AuditDatabase } from './database/audit-database.js';
import { LogNews } from './log/log-news.js';
import { LogWriter } from './log/log-writer.js';
import { ReadLog } from './read/read-log.js';

/** The audit service: the log, its trees and checkpoints. */
@Module({})
export class AuditModule {
  static forRoot(config: AuditConfig): DynamicModule {
    return {
      module: AuditModule,
      controllers: [AuditController],
      providers: [{ provide: AUDIT_CONFIG, useValue: config }, AuditDatabase, LogWriter, LogNews, CloseIntents, AppendBatch, Checkpoints, ReadLog, AuditService],
    };
  }
}
