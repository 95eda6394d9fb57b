// npm run bench -- serve|gunzip|copy|startup|console|lab|rack: metalkit compared with its peers, on the same files, in one run.
import { describeMachine } from './frame/machine.ts'

/** The benchmarks by name; each measures one claim. */
const benches: Record<string, () => Promise<{ bench(options: BenchOptions): Promise<void> }>> = {
  serve: () => import('./serve.ts'),
  gunzip: () => import('./gunzip.ts'),
  copy: () => import('./copy.ts'),
  startup: () => import('./startup.ts'),
  console: () => import('./console.ts'),
  lab: () => import('./lab.ts'),
  rack: () => import('./rack.ts'),
}

/** The options of a benchmark: the number of rounds, and the parts to run (an empty list means all). */
export interface BenchOptions {
  rounds: number | undefined
  parts: readonly string[]
}

const [name = '', ...rest] = process.argv.slice(2)
const load = benches[name]
const rounds = rest.find((arg) => /^--rounds=\d+$/.test(arg))?.slice('--rounds='.length)
if (load === undefined) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join('|')} [part…] [--rounds=N]`)
  process.exitCode = 2
} else {
  console.log(`${describeMachine()}\n`)
  const module = await load()
  await module.bench({
    rounds: rounds === undefined ? undefined : Number(rounds),
    parts: rest.filter((arg) => !arg.startsWith('--')),
  })
}
