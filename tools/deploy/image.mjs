// The image and those who start something from it must agree on paths and on the user.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { containersOf } from './render.mjs';

const PROGRAM = /^apps\/[a-z]+\/dist\/[a-z]+\.js$/;

/** Each program started from the image has a source that compiles to it; the Dockerfile keeps to the user that the pods run as. */
export function imageFaults(root, objects, composeText) {
  const fromPods = objects.flatMap(containersOf).filter(({ image }) => /(^|\/)mcp-gateway:/.test(image)).map(({ name, args = [] }) => ({ where: `container ${name}`, args }));
  const services = parse(composeText, { merge: true }).services;
  const fromCompose = Object.entries(services).filter(([, { image }]) => image.includes('mcp-gateway')).map(([name, { command = [] }]) => ({ where: `services.${name}`, args: command }));
  const programs = [...fromPods, ...fromCompose].flatMap(({ where, args }) => {
    if (args.length !== 1 || !PROGRAM.test(args[0])) return [`${where}: starts "${args.join(' ')}", which is no program of an app.`];
    const source = args[0].replace('/dist/', '/src/').replace(/\.js$/, '.ts');
    return existsSync(path.join(root, source)) ? [] : [`${where}: starts ${args[0]}, and there is no ${source}.`];
  });
  const dockerfile = readFileSync(path.join(root, 'deploy/Dockerfile'), 'utf8');
  const ignored = readFileSync(path.join(root, '.dockerignore'), 'utf8').split('\n');
  const must = (holds, what) => (holds ? [] : [what]);
  return [
    ...programs,
    ...must(/^USER 10001:10001$/m.test(dockerfile), 'deploy/Dockerfile: must end as the user 10001:10001.'),
    ...must(/^FROM node:24[\w.-]*-slim$/m.test(dockerfile), 'deploy/Dockerfile: must be based on node:24-…-slim.'),
    ...must(/\bbubblewrap\b/.test(dockerfile) && /\btini\b/.test(dockerfile), 'deploy/Dockerfile: must install bubblewrap and tini.'),
    ...['.git', '**/node_modules', '.mcpgw', 'deploy/secrets'].flatMap((line) => must(ignored.includes(line), `.dockerignore: must name ${line}.`)),
  ];
}
