import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { defineConfig, type Plugin, rolldown } from 'rolldown'

// One CommonJS file to start the program (CommonJS starts faster than modules) and a chunk for each command's body.
// All packages are bundled: one file loads faster than a hundred, and an installation fetches nothing else.

// commander loads node:child_process to run subcommands that are separate programs. There are none, and loading it would take
// a tenth of the start-up time.
const withoutChildProcess: Plugin = {
  name: 'commander-without-child-process',
  resolveId: (id, importer) => (id === 'node:child_process' && importer?.includes('/commander/') ? '\0nothing' : null),
  load: (id) => (id === '\0nothing' ? 'export default {}' : null),
}

// aws4 and ssh2 import Node's modules without the prefix node:.
const withPrefix: Plugin = {
  name: 'node-prefix',
  // Later versions of Node also list modules that exist only with the prefix.
  resolveId: (id) =>
    builtinModules.includes(id) && !id.startsWith('node:') ? { id: `node:${id}`, external: true } : null,
}

// Modules left out, as if they were not installed: the native add-ons of ssh2 and ws. Each is loaded in a try block.
const withoutOptionalParts: Plugin = {
  name: 'without-optional-parts',
  resolveId: (id) => (/\.node$|^(cpu-features|bufferutil|utf-8-validate)$/.test(id) ? `\0missing:${id}` : null),
  load: (id) => (id.startsWith('\0missing:') ? 'throw new Error("this part is not bundled")' : null),
}

// ssh2's entry loads its client, its server, and agents for HTTP with Node's TLS. This one loads each part on first use: run needs
// no server, and a lab no client.
const ssh2Parts: Plugin = {
  name: 'ssh2-parts',
  load: (id) =>
    id.endsWith('/ssh2/lib/index.js')
      ? `const { BaseAgent, OpenSSHAgent } = require('./agent.js')
         const { parseKey } = require('./protocol/keyParser.js')
         module.exports = {
           BaseAgent,
           OpenSSHAgent,
           get Client() { return require('./client.js') },
           get Server() { return require('./server.js') },
           utils: { parseKey, get generateKeyPairSync() { return require('./keygen.js').generateKeyPairSync } },
         }`
      : null,
}

// Chunks in ASCII: a single other character makes V8 store a chunk with two bytes per character, and reading it takes twice as long.
const asciiChunks: Plugin = {
  name: 'ascii-chunks',
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk') continue
      chunk.code = chunk.code.replaceAll(
        /[\u0080-\uffff]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
    }
  },
}

const client = 'src/lab/page/client'

// The lab's page, complete in one folder: code for browsers is built separately from code for Node.
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

/** The lines with which a shell starts the program, each of them a comment to Node. */
function shellStart(): string {
  const lines = readFileSync('scripts/start.sh', 'utf8').trimEnd().split('\n')
  return lines.flatMap((line, index) => (index === 0 ? line : line.startsWith('#') ? [] : `':' //; ${line}`)).join('\n')
}

export default defineConfig({
  input: { metalkit: 'src/bin.ts' },
  platform: 'node',
  plugins: [withoutChildProcess, withPrefix, withoutOptionalParts, ssh2Parts, labPage, asciiChunks],
  transform: { target: 'node20.19' },
  output: {
    dir: 'dist',
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    cleanDir: true,
    postBanner: ({ isEntry }) => (isEntry ? shellStart() : ''),
  },
})
