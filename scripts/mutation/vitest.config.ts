// The tests that run against mutants: those of the folders in stryker.mjs, without building the program, which they do not need.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [
      'test/ipxe/*.test.ts',
      'test/options.test.ts',
      'test/options/*.test.ts',
      'test/console/{known-hosts,trust}.test.ts',
    ],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
