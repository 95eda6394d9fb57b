import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { defineConfig, type Plugin, rolldown } from 'rolldown'

// One CommonJS file for the program's start (CommonJS starts faster than modules do) and a chunk for each command's body.
// commander is bundled because every start needs it, aws4 because it is small; the other packages are loaded from
// node_modules when they are used.
// commander asks for node:child_process to run subcommands that are programs of their own; there are none, and loading
// it takes a tenth of the start.
const withoutChildProcess: Plugin = {
  name: 'commander-without-child-process',
  resolveId: (id, importer) => (id === 'node:child_process' && importer?.includes('/commander/') ? '\0nothing' : null),
  load: (id) => (id === '\0nothing' ? 'export default {}' : null),
}

// aws4 names Node's modules as one could before there was a prefix that no package can take.
const withPrefix: Plugin = {
  name: 'node-prefix',
  resolveId: (id) => (builtinModules.includes(id) ? { id: `node:${id}`, external: true } : null),
}

const client = 'src/lab/page/client'

// The lab's page, whole in a folder: what browsers get is built apart from what Node runs.
const labPage: Plugin = {
  name: 'lab-page',
  async generateBundle() {
    const build = await rolldown({ input: `${client}/app.ts`, platform: 'browser', tsconfig: false })
    const { output } = await build.generate({ format: 'iife', minify: true })
    await build.close()
    const css = ['node_modules/@xterm/xterm/css/xterm.css', `${client}/app.css`].map((path) =>
      readFileSync(path, 'utf8'),
    )
    this.emitFile({ type: 'asset', fileName: 'page/app.js', source: output[0].code })
    this.emitFile({ type: 'asset', fileName: 'page/app.css', source: css.join('\n') })
    this.emitFile({ type: 'asset', fileName: 'page/index.html', source: readFileSync(`${client}/index.html`, 'utf8') })
  },
}

export default defineConfig({
  input: { metalkit: 'src/bin.ts' },
  platform: 'node',
  plugins: [withoutChildProcess, withPrefix, labPage],
  external: [/^(ssh-config|ssh2|undici|ws|yaml|zod)(\/|$)/],
  transform: { target: 'node20.19' },
  output: { dir: 'dist', format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: '[name].cjs', cleanDir: true },
})
