import { defineConfig } from 'vitest/config';

/** Workspace packages resolve to their sources in unit tests and simulation: no build step in between. */
const packages = new URL('./packages/', import.meta.url).pathname;
const fromSource = [{ find: /^@zerofleet\/([a-z-]+)$/, replacement: `${packages}$1/src/index.ts` }];

const project = (name: string, include: string[], extra: object = {}) => ({
  resolve: { alias: fromSource },
  test: { name, include, ...extra },
});

/** Tests on a real fleet run against what was built, one file after the other, on one fleet for all. */
const onFleet = (name: string, include: string[], extra: object) => ({
  test: {
    name,
    include,
    fileParallelism: false,
    hookTimeout: 600_000,
    globalSetup: ['test/fleet/setup.ts'],
    ...extra,
  },
});

export default defineConfig({
  test: {
    projects: [
      project(
        'unit',
        [
          'packages/*/src/**/*.test.ts',
          'loadtests/**/*.test.ts',
          'test/repo/**/*.test.ts',
          'test/broker/**/*.test.ts',
          'test/conformance/**/*.test.ts',
          'test/abuse/harness/*.test.ts',
          'test/upgrade/format-one/**/*.test.ts',
        ],
        {
          exclude: ['**/dist/**', '**/node_modules/**'],
          testTimeout: 30_000,
        },
      ),
      project('sim', ['test/sim/**/*.test.ts'], { testTimeout: 300_000 }),
      onFleet('e2e', ['test/e2e/**/*.test.ts'], {
        testTimeout: 60_000,
      }),
      // On a Docker engine alone, without a fleet: against what was built too.
      {
        test: {
          name: 'engine',
          include: ['test/engine/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 600_000,
          globalSetup: ['test/engine/setup.ts'],
        },
      },
      {
        test: {
          name: 'launch',
          include: ['test/launch/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 400_000,
          hookTimeout: 60_000,
        },
      },
      // Warm containers on an embedded fleet, against what was built too.
      {
        test: {
          name: 'warm',
          include: ['test/warm/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 600_000,
          globalSetup: ['test/warm/setup.ts'],
        },
      },
      // Hostile tenants on an embedded fleet, against what was built too.
      {
        test: {
          name: 'abuse',
          include: ['test/abuse/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 600_000,
          globalSetup: ['test/abuse/setup.ts'],
        },
      },
      onFleet('chaos', ['test/chaos/*.test.ts'], {
        testTimeout: 300_000,
        exclude: [
          'test/chaos/ledger.test.ts',
          'test/chaos/warm-crash.test.ts',
          'test/chaos/roll-over.test.ts',
        ],
      }),
      // On a Docker engine of its own, with no Swarm: against what was built too.
      {
        test: {
          name: 'warm-chaos',
          include: ['test/chaos/warm-crash.test.ts', 'test/chaos/roll-over.test.ts'],
          fileParallelism: false,
          testTimeout: 400_000,
          hookTimeout: 600_000,
        },
      },
      // On a lab of child processes, with no Swarm: against what was built too.
      {
        test: {
          name: 'ledger-chaos',
          include: ['test/chaos/ledger.test.ts', 'test/chaos/ledger/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 3_600_000,
          hookTimeout: 120_000,
        },
      },
      // The same, with a build of the release before from the repository's history.
      {
        test: {
          name: 'upgrade',
          include: ['test/upgrade/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
      // On disks of its own, with no Swarm: against what was built too.
      {
        test: {
          name: 'powercut',
          include: ['test/powercut/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 1_800_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
