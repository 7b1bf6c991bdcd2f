import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { organizationName, signedBundle, type OrganizationName, type SignedBundle } from '@mcpgw/contracts';

/** Twice what the PDP sends at once; a larger file is none that this edge wrote. */
const MAX_FILE_BYTES = 8 * 1_048_576;

/** The last good bundles as files (0600), `<organization>.json` in one folder (0700), so that an edge restarts without the PDP. */
export class BundleFiles {
  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** What can be read. Nothing of it is verified yet; what is no bundle is left out and comes anew from the PDP. */
  load(): readonly SignedBundle[] {
    return readdirSync(this.directory).flatMap((name) => {
      const organization = organizationName.safeParse(name.replace(/\.json$/, ''));
      const bundle = name.endsWith('.json') && organization.success ? this.read(name) : undefined;
      return bundle?.organization === organization.data && bundle ? [bundle] : [];
    });
  }

  /** After a crash at any moment the file holds the old bundle or the new one. */
  async save(bundle: SignedBundle): Promise<void> {
    const file = this.file(bundle.organization);
    const draft = `${file}.draft`;
    const handle = await open(draft, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify(bundle));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  }

  async remove(organization: OrganizationName): Promise<void> {
    await rm(this.file(organization), { force: true });
  }

  file(organization: OrganizationName): string {
    return path.join(this.directory, `${organization}.json`);
  }

  private read(name: string): SignedBundle | undefined {
    const file = path.join(this.directory, name);
    try {
      if (statSync(file).size > MAX_FILE_BYTES) return undefined;
      const parsed = signedBundle.safeParse(JSON.parse(readFileSync(file, 'utf8')));
      return parsed.success ? parsed.data : undefined;
    } catch {
      return undefined;
    }
  }
}
