import { defineConfig, type Plugin } from 'rolldown'

// One CommonJS file for the program's start (CommonJS starts faster than modules do) and a chunk for each command's body.
// commander is bundled because every start needs it; the other packages are loaded from node_modules when they are used.
// commander asks for node:child_process to run subcommands that are programs of their own; there are none, and loading
// it takes a tenth of the start.
const withoutChildProcess: Plugin = {
  name: 'commander-without-child-process',
  resolveId: (id, importer) => (id === 'node:child_process' && importer?.includes('/commander/') ? '\0nothing' : null),
  load: (id) => (id === '\0nothing' ? 'export default {}' : null),
}

export default defineConfig({
  input: { metalkit: 'src/bin.ts' },
  platform: 'node',
  plugins: [withoutChildProcess],
  external: [/^(ssh-config|ssh2|undici|zod|yaml)(\/|$)/],
  transform: { target: 'node20.19' },
  output: { dir: 'dist', format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: '[name].cjs', cleanDir: true },
})
