import { defineConfig } from 'vitest/config';

/** Workspace packages resolve to their sources in unit tests and simulation: no build step in between. */
const fromSource = { '@zerofleet/': new URL('./packages/', import.meta.url).pathname };
const alias = [{ find: /^@zerofleet\/([a-z-]+)$/, replacement: `${fromSource['@zerofleet/']}$1/src/index.ts` }];

const project = (name: string, include: string[], extra: object = {}) => ({
  resolve: { alias },
  test: { name, include, ...extra },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', ['packages/*/src/**/*.test.ts', 'test/repo/**/*.test.ts', 'images/**/*.test.ts'], { testTimeout: 20_000 }),
      project('sim', ['test/sim/**/*.test.ts'], { testTimeout: 300_000 }),
      project('e2e', ['test/e2e/**/*.test.ts'], {
        testTimeout: 60_000, hookTimeout: 600_000, fileParallelism: false, globalSetup: ['test/e2e/setup.ts'],
      }),
      project('chaos', ['test/chaos/**/*.test.ts'], { testTimeout: 300_000, hookTimeout: 600_000, fileParallelism: false }),
    ],
  },
});
