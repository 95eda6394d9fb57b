// What a machine costs a rack, by the number of machines: each lives from its create to its deletion, and all of them at once.
import { join } from 'node:path'
import type { BenchOptions } from './bench.ts'
import { compare, type Sample } from './frame/compare.ts'
import { runForOutput } from './frame/program.ts'

const counts = [10, 25, 50, 100]

/** One rack, in a process of its own. */
async function measure(count: number): Promise<Sample> {
  const life = join(import.meta.dirname, 'rack-life.js')
  const output = await runForOutput(process.execPath, ['--expose-gc', life, String(count)])
  const sample: Sample = JSON.parse(output)
  return sample
}

/** `npm run bench -- rack`. */
export async function bench({ rounds = 5, parts }: BenchOptions): Promise<void> {
  const chosen = counts.filter((count) => parts.length === 0 || parts.includes(String(count)))
  await compare({
    title: 'rack',
    columns: [
      { key: 'cpuMs', title: 'CPU ms a machine', digits: 1 },
      { key: 'wallMs', title: 'ms a machine', digits: 1 },
      { key: 'heldCpuMs', title: 'CPU ms a minute for a machine that is on', digits: 1 },
      { key: 'heldKilobytes', title: 'kB for a machine that is on', digits: 0 },
    ],
    contenders: chosen.map((count) => ({ name: `${count} machines`, run: () => measure(count) })),
    reference: `${chosen[0]} machines`,
    rounds,
    cold: true,
  })
}
