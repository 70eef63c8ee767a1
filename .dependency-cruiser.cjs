/** The package directions of docs/ARCHITECTURE.md. test/repo/architecture.test.ts plants violations and expects them to be caught. */
const packages = {
  model: [],
  protocol: ['model'],
  scheduler: ['model'],
  pool: ['model'],
  runtime: ['model', 'protocol'],
  coordinator: ['model', 'protocol', 'runtime', 'scheduler'],
  worker: ['model', 'protocol', 'runtime', 'pool'],
  'engine-broker': ['model', 'protocol', 'runtime'],
  sdk: ['model', 'protocol'],
  cli: ['model', 'protocol', 'sdk'],
  launch: ['model', 'protocol', 'runtime', 'sdk'],
  testkit: ['model', 'protocol', 'runtime', 'scheduler', 'coordinator'],
};

const directions = Object.entries(packages).map(([name, allowed]) => ({
  name: `direction-${name}`,
  comment: `${name} may import ${allowed.join(', ') || 'nothing of ours'}`,
  severity: 'error',
  from: { path: `^packages/${name}/src` },
  to: {
    path: '^packages/([^/]+)/',
    pathNot: [name, ...allowed].map((one) => `^packages/${one}/`).join('|'),
  },
}));

/** Pure code: no Node modules, no npm packages. Tests beside it may use both. */
const pure = '^packages/(model|scheduler|pool)/src|^packages/coordinator/src/engine';

module.exports = {
  forbidden: [
    ...directions,
    {
      name: 'no-circular',
      comment: 'A cycle of types alone is fine: nothing of it is there when the code runs',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'pure-no-io',
      comment: 'The core decides, adapters act',
      severity: 'error',
      from: { path: pure, pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'pure-no-packages',
      comment: 'By path, not by kind: a package that is not declared has no kind and would slip through',
      severity: 'error',
      from: { path: pure, pathNot: '\\.test\\.ts$' },
      to: { path: '(^|/)node_modules/' },
    },
    {
      name: 'docker-socket-only-in-the-broker',
      comment: 'Who holds dockerode holds the host',
      severity: 'error',
      from: { pathNot: '^packages/engine-broker/' },
      to: { path: 'node_modules/dockerode' },
    },
    {
      name: 'not-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|dist' },
    exclude: { path: '^packages/[^/]+/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.depcruise.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'default'] },
  },
};
