// The tests that mutants are shown to: those of the rooms in stryker.mjs, without building the program, which they do not run.
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
