import { defineConfig } from 'rolldown'
import program from '../rolldown.config.ts'

if (Array.isArray(program) || Array.isArray(program.output)) throw new Error('metalkit is one build')

// Node 20 cannot run TypeScript, so the benchmarks are bundled too. They measure a build of their own, so that dist/ is not touched.
const out = 'node_modules/.cache/metalkit-bench'

export default defineConfig([
  { ...program, output: { ...program.output, dir: `${out}/program` } },
  {
    input: { bench: 'bench/bench.ts', load: 'bench/serve/load.ts', 'rack-life': 'bench/rack-life.ts' },
    platform: 'node',
    external: [/^(ssh2|zod|yaml)(\/|$)/],
    transform: { target: 'node20.19' },
    output: { dir: `${out}/bench`, format: 'esm', chunkFileNames: '[name].js', cleanDir: true },
  },
])
