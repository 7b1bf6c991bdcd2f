import { defineConfig } from 'prisma/config';

// No engine is reached at generation time; migrations are applied by our own runner, so the URL is never used.
export default defineConfig({ schema: 'prisma/schema', migrations: { path: 'prisma/migrations' }, datasource: { url: 'postgresql://unused' } });
