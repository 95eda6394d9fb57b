// How long metalkit takes to print its version or its help, compared with bare Node.
import { compare } from './frame/compare.ts'
import { findProgram, metalkit, runToEnd } from './frame/program.ts'
import type { BenchOptions } from './bench.ts'

function measure(command: string, ...args: string[]) {
  const run = async () => {
    const { seconds, cpuSeconds } = await runToEnd(command, args)
    return { ms: seconds * 1000, cpuMs: cpuSeconds * 1000 }
  }
  return { run }
}

export async function bench({ rounds = 15 }: BenchOptions): Promise<void> {
  const node = process.execPath
  const npm = findProgram('npm')
  await compare({
    title: 'start',
    columns: [
      { key: 'ms', title: 'ms', digits: 1 },
      { key: 'cpuMs', title: 'CPU ms', digits: 0 },
    ],
    contenders: [
      { name: 'node -e 0', ...measure(node, '-e', '0') },
      { name: 'metalkit --version', ...measure(node, metalkit, '--version') },
      { name: 'metalkit --version, as installed', ...measure('/usr/bin/env', 'sh', metalkit, '--version') },
      { name: 'metalkit --help', ...measure(node, metalkit, '--help') },
      { name: 'metalkit run equinixmetal --help', ...measure(node, metalkit, 'run', 'equinixmetal', '--help') },
      { name: 'npm --version', ...(npm === undefined ? { missing: 'npm' } : measure(npm, '--version')) },
    ],
    reference: 'node -e 0',
    rounds,
  })
}
