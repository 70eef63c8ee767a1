/**
 * Builds the images of a release. A tag names the content, so an image that is there is never built again and a
 * running stack notices every change.
 */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { docker, dockerLines } from '../host/docker.js';
import { NATS_VERSION, ensureNats } from '../host/nats.js';
import { say, step } from '../output.js';
import { HOME, IMAGES_ENV, LOGS, ROOT, TOOLS, ensureFolder } from '../paths.js';
import type { Session } from '../session.js';
import { registryAnswers, registryBases, type Bases } from './bases.js';
import { contentHash } from './hash.js';
import { fleetInputs, stageFleet } from './staging.js';
import { makeStandIns, standInBases } from './standin.js';

export const IMAGE_PREFIX_DEFAULT = '127.0.0.1:5000/zerofleet';
const BUILD_MS = 900_000;
const folderOf = (name: string): string => join(ROOT, 'images', name);

export type ImageName = 'base-node' | 'tools' | 'fleet' | 'nats' | 'redis';

/** The images of this source tree. Tools and fleet are one release; nats and redis have a tag of their own, so a
 * release does not restart them. */
export interface Images {
  readonly prefix: string;
  readonly bases: Bases;
  readonly tag: string;
  readonly dataTag: string;
  readonly baseTag: string;
}

/** The reference of one of the images. */
export const referenceOf = (images: Images, name: ImageName): string => {
  const tags = {
    'base-node': images.baseTag,
    tools: images.tag,
    fleet: images.tag,
    nats: images.dataTag,
    redis: images.dataTag,
  };
  return `${images.prefix}/${name}:${tags[name]}`;
};

/** What the images of this tree are called on these bases. Builds nothing. */
export const planImages = (prefix: string, bases: Bases): Images => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const baseTag = contentHash([{ text: bases.node }, { path: folderOf('base') }], ROOT);
  const data = [
    { text: `${bases.debian} ${bases.redis} ${NATS_VERSION}` },
    { path: folderOf('nats') },
    { path: folderOf('redis') },
  ];
  const release = [{ text: `${bases.node} ${baseTag}` }, { path: TOOLS }, ...fleetInputs()];
  const tag = (inputs: Parameters<typeof contentHash>[0]): string =>
    `${version}-${contentHash(inputs, ROOT)}`;
  return { prefix, bases, baseTag, tag: tag(release), dataTag: tag(data) };
};

/** Which of the images the engine lacks. */
const missing = async (images: Images, wanted: readonly ImageName[]): Promise<readonly ImageName[]> => {
  const present = new Set(await dockerLines(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}']));
  return wanted.filter((name) => !present.has(referenceOf(images, name)));
};

/** Makes sure that the engine has the wanted images of this tree. Throws LaunchError with the build's last line. */
export const ensureImages = async (
  session: Session,
  wanted: readonly ImageName[] = ['base-node', 'tools', 'fleet', 'nats', 'redis'],
): Promise<Images> => {
  const prefix = process.env['ZF_IMAGE_PREFIX'] ?? IMAGE_PREFIX_DEFAULT;
  for (const bases of [registryBases, standInBases(prefix)]) {
    const images = planImages(prefix, bases);
    if ((await missing(images, wanted)).length === 0) return note(images);
  }
  session.keep({ kind: 'images', prefix });
  const online = await step('asking for a container registry', () => registryAnswers(session.signal));
  session.check();
  const bases = online ? registryBases : standInBases(prefix);
  if (!online) {
    say(
      '  no container registry can be reached: the images stand on stand-in bases made from Debian and npm',
    );
    await makeStandIns(bases, session);
  }
  const images = planImages(prefix, bases);
  for (const name of await missing(images, wanted)) {
    session.check();
    await build(images, name, session);
  }
  return note(images);
};

const build = async (images: Images, name: ImageName, session: Session): Promise<void> => {
  const context = await contextOf(name, session);
  const { bases } = images;
  const onBase = {
    'base-node': bases.node,
    tools: referenceOf(images, 'base-node'),
    fleet: bases.node,
    nats: bases.debian,
    redis: bases.redis,
  };
  const logFile = join(ensureFolder(LOGS), `build-${name}.log`);
  rmSync(logFile, { force: true });
  const args = [
    'build',
    '--force-rm',
    '--network',
    'host',
    '--build-arg',
    `BASE=${onBase[name]}`,
    '-t',
    referenceOf(images, name),
    context,
  ];
  await step(`image ${name}`, (progress) =>
    docker(args, {
      // The classic builder: it is in every engine, buildx is not.
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
      signal: session.signal,
      timeoutMs: BUILD_MS,
      logFile,
      onLine: (line) => {
        if (/^Step \d+/.test(line)) progress(line.slice(0, 60));
      },
    }),
  );
};

const contextOf = async (name: ImageName, session: Session): Promise<string> => {
  if (name === 'fleet') return stageFleet(session.signal);
  if (name === 'nats') return stageNats();
  return folderOf(name === 'base-node' ? 'base' : name);
};

const stageNats = async (): Promise<string> => {
  const folder = ensureFolder(join(HOME, 'nats-context'));
  cpSync(folderOf('nats'), folder, { recursive: true });
  const server = await ensureNats();
  cpSync(server.path, join(folder, 'nats-server'), { dereference: true });
  if (!server.synced) {
    const config = readFileSync(join(folder, 'nats.conf'), 'utf8');
    writeFileSync(join(folder, 'nats.conf'), config.replace(/^ *sync_interval:.*\n/m, ''));
  }
  return folder;
};

/** The variables of stack.yml that name the images, as an environment. */
export const imagesEnv = (images: Images): Readonly<Record<string, string>> => ({
  ZF_IMAGE_PREFIX: images.prefix,
  ZF_TAG: images.tag,
  ZF_DATA_TAG: images.dataTag,
});

/** Leaves the names where a shell can take them from. */
const note = (images: Images): Images => {
  const lines = Object.entries(imagesEnv(images)).map(([name, value]) => `export ${name}=${value}\n`);
  const text = lines.join('');
  ensureFolder(HOME);
  if (!existsSync(IMAGES_ENV) || readFileSync(IMAGES_ENV, 'utf8') !== text) writeFileSync(IMAGES_ENV, text);
  return images;
};
