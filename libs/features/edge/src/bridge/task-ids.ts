import { Inject, Injectable } from '@nestjs/common';
import type { ServerName } from '@mcpgw/contracts';
import { KEY_FILES, type KeyFiles } from '@mcpgw/platform-runtime';
import { Seal } from './seal.js';

/** A task as its server knows it, and the tool whose call it is. */
export interface TaskHandle {
  readonly server: ServerName;
  readonly taskId: string;
  readonly tool: string;
}

const MAX_TOKEN_CHARACTERS = 8_192;

/** Ids of tasks as our clients see them: good for one subject (its organization, consumer and user), at any edge, after any restart. */
@Injectable()
export class TaskIds {
  private readonly seal: Seal;

  constructor(@Inject(KEY_FILES) keyFiles: KeyFiles) {
    this.seal = new Seal(keyFiles.symmetric('sessions'), 'mcpgw task', MAX_TOKEN_CHARACTERS);
  }

  /** `undefined` for a task whose id would be too long. */
  shown({ server, taskId, tool }: TaskHandle, subject: string): string | undefined {
    return this.seal.seal([server, taskId, tool], subject);
  }

  /** `undefined` for whatever isn't a task of this subject. */
  open(shown: unknown, subject: string): TaskHandle | undefined {
    const opened = this.seal.open(shown, subject) as readonly [ServerName, string, string] | undefined;
    return opened && { server: opened[0], taskId: opened[1], tool: opened[2] };
  }
}
