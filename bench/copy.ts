// push without --decompress, compared with cp, which computes no digest, and with cp plus a program that does: a 260 MB image
// to a folder on the same disk, synced.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { compare, type Contender } from './frame/compare.ts'
import { dataFolder, makeImage } from './frame/data.ts'
import { findProgram, metalkit, runToEnd } from './frame/program.ts'
import type { BenchOptions } from './bench.ts'

/** Copies kernel and initrd to a folder with cp, and syncs them to the disk. */
function copyLine(flags: string): string {
  return `cp ${flags} "$0-kernel" "$0-initrd.img" "$1" && sync -d "$1"/*`
}

export async function bench({ rounds = 9 }: BenchOptions): Promise<void> {
  const prefix = await makeImage()
  const out = join(dataFolder, 'out')
  const measure = (command: string, ...args: string[]) => ({
    run: async () => {
      await rm(out, { recursive: true, force: true })
      await mkdir(out)
      const { seconds, cpuSeconds } = await runToEnd(command, args)
      return { seconds, cpuSeconds }
    },
  })
  const digested = (name: string, digest: string): Contender => {
    const program = digest.split(' ')[0] ?? ''
    if (findProgram(program) === undefined) return { name, missing: program }
    return { name, ...measure('sh', '-c', `${copyLine('')} && ${digest} "$1"/*`, prefix, out) }
  }
  const push = [
    'push',
    'equinixmetal',
    '-base-url',
    'http://192.0.2.1',
    '-destination',
    out,
    '-decompress=false',
    prefix,
  ]
  await compare({
    title: 'copy of an image',
    columns: [
      { key: 'seconds', title: 's', digits: 2 },
      { key: 'cpuSeconds', title: 'CPU s', digits: 2 },
    ],
    contenders: [
      { name: 'metalkit push', ...measure(process.execPath, metalkit, ...push) },
      { name: 'cp', ...measure('sh', '-c', copyLine(''), prefix, out) },
      { name: 'cp --reflink=never', ...measure('sh', '-c', copyLine('--reflink=never'), prefix, out) },
      digested('cp, then sha256sum', 'sha256sum'),
      digested('cp, then openssl dgst', 'openssl dgst -sha256'),
    ],
    reference: 'cp',
    rounds,
  })
  await rm(out, { recursive: true, force: true })
}
