/**
 * The runbooks, as ops type them: every named block of deploy.md and roll-back.md in one shell, in order, on a fresh
 * one-node Swarm. A block that fails fails the test with its name and output.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT } from '@zerofleet/launch';
import { eventually } from '../fleet/eventually.js';
import { inventory } from './leftovers.js';

interface Block {
  readonly name: string;
  readonly text: string;
}

const blocksOf = (runbook: string): Block[] => {
  const text = readFileSync(join(ROOT, 'runbooks', `${runbook}.md`), 'utf8');
  return [...text.matchAll(/^```sh run=(\S+)\n([\s\S]*?)^```$/gm)].map(([, name = '', body = '']) => ({
    name,
    text: body,
  }));
};

/** What the release before looks like to a roll-back: other image ids under another tag. */
const MAKE_PREVIOUS: Block = {
  name: 'previous release',
  text: [
    'export PREVIOUS_TAG=previous',
    'for image in fleet tools; do',
    '  printf "FROM %s\\nLABEL release=previous\\n" "$ZF_IMAGE_PREFIX/$image:$ZF_TAG" |',
    '    DOCKER_BUILDKIT=0 docker build -q -t "$ZF_IMAGE_PREFIX/$image:previous" -',
    'done',
  ].join('\n'),
};

const DROP_PREVIOUS: Block = {
  name: 'drop previous release',
  text: 'docker image rm -f "$ZF_IMAGE_PREFIX/fleet:previous" "$ZF_IMAGE_PREFIX/tools:previous"',
};

describe('runbooks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zerofleet-runbooks-'));
  afterAll(() => {
    spawnSync('docker', ['stack', 'rm', 'zerofleet']);
    rmSync(folder, { recursive: true, force: true });
  });

  it('have at least the blocks that an operator needs', () => {
    expect(blocksOf('deploy').length).toBeGreaterThanOrEqual(10);
    expect(blocksOf('roll-back').length).toBeGreaterThanOrEqual(5);
  });

  it('deploy a fleet by hand, roll it back, go forward, and take it away', async () => {
    const before = inventory();
    const deploy = blocksOf('deploy');
    const undo = deploy.findIndex((block) => /docker stack rm/.test(block.text));
    const plan = [
      ...deploy.slice(0, undo),
      MAKE_PREVIOUS,
      ...blocksOf('roll-back'),
      ...deploy.slice(undo),
      DROP_PREVIOUS,
    ];
    const script = join(folder, 'all.sh');
    writeFileSync(
      script,
      ['set -e', ...plan.map(({ name, text }) => `echo "### ${name}"\n${text}`)].join('\n'),
    );
    const { status, stdout, stderr } = spawnSync('bash', [script], {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: 380_000,
    });
    const last = [...stdout.matchAll(/^### (.*)$/gm)].at(-1)?.[1];
    expect(status, `block ${last}\n${stdout.slice(-2_000)}\n${stderr.slice(-2_000)}`).toBe(0);
    expect(stdout).toMatch(/hello fleet/);
    expect(stdout).toMatch(/after the roll-back/);
    expect(stdout).toMatch(/forward again/);
    await eventually(
      'nothing left',
      async () => (isSame(inventory(), before) ? true : undefined),
      30_000,
      500,
    ).catch(() => undefined);
    expect(inventory()).toEqual(before);
  });
});

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  JSON.stringify(one) === JSON.stringify(other);
