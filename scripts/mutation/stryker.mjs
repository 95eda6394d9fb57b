// npm run mutation: changes the code where mistakes cost most, one change at a time, and checks whether a test notices.
// npx fetches Stryker, because it has a tenth of a gigabyte that few people need.
export default {
  testRunner: 'vitest',
  vitest: { configFile: 'scripts/mutation/vitest.config.ts', related: false },
  mutate: ['src/ipxe/*.ts', 'src/options/*.ts', 'src/ssh/known-hosts.ts', 'src/ssh/host-key-trust.ts'],
  concurrency: 1,
  // Mutants in code that runs once, when a file is loaded, would need all tests: nine tenths of the time for a twentieth of the mutants.
  ignoreStatic: true,
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { allowColor: false, reportTests: false },
  disableTypeChecks: false,
  // No file: Stryker would rewrite its paths, which needs another TypeScript and changes nothing here.
  tsconfigFile: 'node_modules/tsconfig.json',
  tempDirName: 'node_modules/.cache/stryker',
  ignorePatterns: ['dist', 'coverage', 'out'],
}
