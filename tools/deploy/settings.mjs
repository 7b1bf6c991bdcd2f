// The environment variables that services read: each field of a configuration schema in the source. So a deployment file can't
// set a variable that nobody reads, which a service would not notice.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const SCHEMA_FILES = ['libs/platform/runtime/src/config.ts', 'libs/features/*/src/**/*config*.ts', 'apps/gateway/src/*config*.ts'];
/** `  edgePort: z.` or `  edgeAllowedHosts: list` or `  adminAllowedHosts: names`: a field of a schema, at one level of indentation. */
const FIELD = /^ {2}([a-z][A-Za-z]+): /gm;

export function knownSettings(root) {
  const names = new Set();
  for (const file of SCHEMA_FILES.flatMap((pattern) => globSync(pattern, { cwd: root }))) {
    if (file.includes('.spec.')) continue;
    for (const [, field] of readFileSync(path.join(root, file), 'utf8').matchAll(FIELD)) {
      const name = `MCPGW_${field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
      names.add(name).add(`${name}_FILE`);
    }
  }
  return names;
}
