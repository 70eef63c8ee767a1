/**
 * The package directions are checked by dependency-cruiser. A checker that sees nothing passes everything, so each rule
 * must catch a violation that is planted here, in a copy of the tree.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const CONFIG = ['.dependency-cruiser.cjs', 'tsconfig.depcruise.json', 'tsconfig.base.json', 'package.json'];

/** File to plant, its text, and the rule that must name it. */
const PLANTED: readonly (readonly [file: string, text: string, rule: string])[] = [
  [
    'packages/model/src/planted.ts',
    "import { readFileSync } from 'node:fs';\nexport const x = readFileSync;\n",
    'pure-no-io',
  ],
  [
    'packages/scheduler/src/planted.ts',
    "import { v7 } from 'uuid';\nexport const x = v7;\n",
    'pure-no-packages',
  ],
  [
    'packages/coordinator/src/engine/planted.ts',
    "import { connect } from 'nats';\nexport const x = connect;\n",
    'pure-no-packages',
  ],
  [
    'packages/model/src/planted.ts',
    "import { encodeFrame } from '@zerofleet/protocol';\nexport const x = encodeFrame;\n",
    'direction-model',
  ],
  [
    'packages/worker/src/planted.ts',
    "import { Engine } from '@zerofleet/coordinator';\nexport const x = Engine;\n",
    'direction-worker',
  ],
  [
    'packages/worker/src/planted.ts',
    "import Docker from 'dockerode';\nexport const x = Docker;\n",
    'docker-socket-only-in-the-broker',
  ],
];

describe('package directions', () => {
  let copy = '';
  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'zerofleet-architecture-'));
    for (const name of CONFIG) cpSync(join(root, name), join(copy, name));
    cpSync(join(root, 'packages'), join(copy, 'packages'), {
      recursive: true,
      filter: (path) => !/\/(dist|node_modules)(\/|$)/.test(path),
    });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    for (const name of readdirSync(join(root, 'packages'))) {
      const own = join(root, 'packages', name, 'node_modules');
      if (existsSync(own)) symlinkSync(own, join(copy, 'packages', name, 'node_modules'));
    }
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  const cruise = (): string => {
    const bin = join(root, 'node_modules', '.bin', 'depcruise');
    try {
      return execFileSync(bin, ['packages', '--config', '.dependency-cruiser.cjs'], {
        cwd: copy,
        encoding: 'utf8',
      });
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  };

  it('holds', () => {
    expect(cruise()).toMatch(/no dependency violations found/);
  });

  it.each(PLANTED)('is broken by %s with %j, as %s says', (file, text, rule) => {
    writeFileSync(join(copy, file), text);
    try {
      expect(cruise()).toMatch(new RegExp(`${rule}: ${file}`));
    } finally {
      rmSync(join(copy, file));
    }
  });
});
