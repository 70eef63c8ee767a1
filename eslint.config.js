/** Typed lint. The pure packages may not read a clock, a timer or randomness: those are ports. */
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const impure = [
  'Date',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'performance',
  'process',
  'crypto',
  'fetch',
];

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      '.zerofleet/**',
      '**/*.mjs',
      '**/*.cjs',
      '*.config.*',
      'test/repo/planted/**',
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-console': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // A method that a port declares as a promise may answer at once.
      '@typescript-eslint/require-await': 'off',
      // Template literals of numbers are how sentences for people are made.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: ['packages/{model,scheduler,pool}/src/**/*.ts', 'packages/coordinator/src/engine/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...impure.map((name) => ({ name, message: 'The core takes time, randomness and IO as ports.' })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'The core takes randomness as a port.' },
      ],
    },
  },
);
