import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { checkBoundaries } from './boundaries.mjs';

/** A workspace of one project on each floor, with the given files put into it. */
function plant(files, manifests = {}) {
  const root = mkdtempSync(path.join(tmpdir(), 'mcpgw-lint-'));
  const projects = {
    'apps/edge': { name: '@x/app-edge', type: 'app', dependencies: { '@x/feature-a': '1' } },
    'libs/features/a': { name: '@x/feature-a', type: 'feature', dependencies: { '@x/core-a': '1', '@x/contracts': '1' } },
    'libs/features/b': { name: '@x/feature-b', type: 'feature', dependencies: {} },
    'libs/core/a': { name: '@x/core-a', type: 'core', dependencies: { '@x/contracts': '1' } },
    'libs/platform/runtime': { name: '@x/runtime', type: 'platform', dependencies: {} },
    'libs/contracts': { name: '@x/contracts', type: 'contract', dependencies: {} },
    'libs/testing': { name: '@x/testing', type: 'testing', dependencies: {} },
  };
  const write = (file, text) => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  };
  write('package.json', JSON.stringify({ workspaces: ['apps/*', 'libs/contracts', 'libs/testing', 'libs/core/*', 'libs/platform/*', 'libs/features/*'] }));
  for (const [directory, { name, type, dependencies }] of Object.entries(projects)) {
    write(`${directory}/package.json`, JSON.stringify({ name, exports: { '.': './src/index.ts' }, nx: { tags: [`type:${type}`] }, dependencies: { ...dependencies, ...manifests[directory] } }));
    write(`${directory}/src/index.ts`, 'export const here = 1;\n');
  }
  for (const [file, text] of Object.entries(files)) write(file, text);
  try {
    return checkBoundaries(root).map(({ where, rule }) => `${rule} ${where}`);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test('a house in order has no violations', () => {
  assert.deepEqual(plant({ 'libs/features/a/src/use.ts': "import { here } from '@x/core-a';\nexport const used = here;\n", 'libs/platform/runtime/src/env.ts': 'export const env = process.env;\n' }), []);
});

test('a feature may not import another feature', () => {
  assert.deepEqual(plant({ 'libs/features/a/src/use.ts': "\nimport { here } from '@x/feature-b';\nexport { here };\n" }, { 'libs/features/a': { '@x/feature-b': '1' } }), ['floor libs/features/a/src/use.ts:2']);
});

test('core may import neither a platform nor a framework', () => {
  const found = plant({ 'libs/core/a/src/use.ts': "import '@x/runtime';\nimport { Injectable } from '@nestjs/common';\nexport { Injectable };\n" }, { 'libs/core/a': { '@x/runtime': '1', '@nestjs/common': '1' } });
  assert.deepEqual(found, ['floor libs/core/a/src/use.ts:1', 'pure-core libs/core/a/src/use.ts:2']);
});

test('only the bus imports nats and only billing imports stripe', () => {
  const found = plant({ 'libs/features/a/src/use.ts': "import { connect } from 'nats';\nimport Stripe from 'stripe';\nexport { connect, Stripe };\n" }, { 'libs/features/a': { nats: '1', stripe: '1' } });
  assert.deepEqual(found, ['owned-package libs/features/a/src/use.ts:1', 'owned-package libs/features/a/src/use.ts:2']);
});

test('only the runtime reads process.env', () => {
  assert.deepEqual(plant({ 'libs/features/a/src/use.ts': 'export const home = process.env.HOME;\n' }), ['environment libs/features/a/src/use.ts:1']);
});

test('two files may not import each other, nor two projects', () => {
  const files = plant({ 'libs/features/a/src/one.ts': "import { two } from './two.js';\nexport const one = () => two;\n", 'libs/features/a/src/two.ts': "import { one } from './one.js';\nexport const two = () => one;\n" });
  assert.deepEqual(files, ['circle libs/features/a/src/one.ts:1']);
  const projects = plant({}, { 'libs/platform/runtime': { '@x/testing': '1' }, 'libs/testing': { '@x/runtime': '1' } });
  assert.deepEqual(projects, ['circle libs/platform/runtime/package.json:1']);
});

test('test helpers are for specs', () => {
  const manifests = { 'libs/features/a': { '@x/testing': '1' } };
  assert.deepEqual(plant({ 'libs/features/a/src/use.ts': "import '@x/testing';\n" }, manifests), ['floor libs/features/a/src/use.ts:1']);
  assert.deepEqual(plant({ 'libs/features/a/src/use.spec.ts': "import '@x/testing';\n" }, manifests), []);
});

test('a file of more than 400 lines, a path into another project, and an undeclared package are refused', () => {
  assert.deepEqual(plant({ 'libs/features/a/src/long.ts': '// line\n'.repeat(401) }), ['file-size libs/features/a/src/long.ts:402']);
  assert.deepEqual(plant({ 'libs/features/a/src/deep.ts': "import { here } from '../../b/src/index.js';\nexport { here };\n" }), ['deep-import libs/features/a/src/deep.ts:1']);
  assert.deepEqual(plant({ 'libs/features/a/src/inner.ts': "import { here } from '@x/core-a/inner';\nexport { here };\n" }), ['deep-import libs/features/a/src/inner.ts:1']);
  assert.deepEqual(plant({ 'libs/features/a/src/more.ts': "import { z } from 'zod';\nexport { z };\n" }), ['undeclared libs/features/a/src/more.ts:1']);
});
