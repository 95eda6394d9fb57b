// npm run mutation: changes the code where a mistake costs most, one change at a time, and sees whether a test notices.
// Stryker is fetched by npx: it is a tenth of a gigabyte that few need.
export default {
  testRunner: 'vitest',
  vitest: { configFile: 'scripts/mutation/vitest.config.ts', related: false },
  mutate: ['src/ipxe/*.ts', 'src/options/*.ts', 'src/ssh/known-hosts.ts', 'src/ssh/trust.ts'],
  concurrency: 1,
  // What is computed once, when a file is loaded, would be shown to all tests anew: nine tenths of the time for a twentieth of all.
  ignoreStatic: true,
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { allowColor: false, reportTests: false },
  disableTypeChecks: false,
  // None: Stryker would rewrite its paths, which needs another TypeScript and changes nothing here.
  tsconfigFile: 'node_modules/tsconfig.json',
  tempDirName: 'node_modules/.cache/stryker',
  ignorePatterns: ['dist', 'coverage', 'out'],
}
