import { defineConfig } from 'rolldown'

// One CommonJS file for the program's start (CommonJS starts faster than modules do) and a chunk for each command's body.
// commander is bundled because every start needs it; the other packages are loaded from node_modules when they are used.
export default defineConfig({
  input: { metalkit: 'src/bin.ts' },
  platform: 'node',
  external: [/^(ssh-config|ssh2|undici|zod|yaml)(\/|$)/],
  transform: { target: 'node20.19' },
  output: { dir: 'dist', format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: '[name].cjs', cleanDir: true },
})
