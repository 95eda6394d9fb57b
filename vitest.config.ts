import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/helpers/build.ts'],
    setupFiles: ['test/helpers/coverage.ts'],
    // Tests wait for machines and clocks more than they compute: two files at a time, even on two processors.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // A busy computer is slow, which is not a failure: tests wait for conditions, and these limits are for tests that hang.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    // The page's script runs in a browser, where coverage is not measured.
    coverage: { include: ['src/**/*.ts'], exclude: ['src/lab/page/client/**'] },
  },
})
