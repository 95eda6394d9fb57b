// push --decompress compared with igzip, pigz, gzip and Go: a gzip decompressed to an initrd of 528 MB on the disk, synced.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { compare, type Contender } from './frame/compare.ts'
import { dataFolder, makeImage } from './frame/data.ts'
import { buildGo } from './frame/go.ts'
import { findProgram, metalkit, runToEnd } from './frame/program.ts'
import type { BenchOptions } from './bench.ts'

const goSource = `package main

import (
	"compress/gzip"
	"io"
	"os"
)

func main() {
	reader, err := gzip.NewReader(os.Stdin)
	if err == nil {
		_, err = io.Copy(os.Stdout, reader)
	}
	if err != nil {
		panic(err)
	}
}
`

export async function bench({ rounds = 5 }: BenchOptions): Promise<void> {
  const prefix = await makeImage()
  const source = `${prefix}-initrd.img`
  const out = join(dataFolder, 'out')
  const measure = (command: string, args: string[], files: { input?: string; output?: string } = {}) => ({
    run: async () => {
      await rm(out, { recursive: true, force: true })
      await mkdir(out)
      const { seconds, cpuSeconds, memoryMb } = await runToEnd(command, args, files)
      return { seconds, cpuSeconds, memoryMb }
    },
  })
  const peer = (name: string, program = findProgram(name), args = ['-dc']): Contender => {
    if (program === undefined) return { name, missing: name }
    return { name, ...measure(program, args, { input: source, output: join(out, 'x') }) }
  }
  const push = ['push', 'equinixmetal', '-base-url', 'http://192.0.2.1', '-destination', out]
  await compare({
    title: '528 MB from gzip',
    columns: [
      { key: 'seconds', title: 's', digits: 2 },
      { key: 'cpuSeconds', title: 'CPU s', digits: 2 },
      { key: 'memoryMb', title: 'peak MB', alone: true },
    ],
    contenders: [
      { name: 'metalkit push -decompress', ...measure(process.execPath, [metalkit, ...push, '-decompress', prefix]) },
      peer('igzip'),
      peer('pigz'),
      peer('gzip'),
      peer('Go', buildGo('gunzip', goSource), []),
    ],
    reference: 'igzip',
    rounds,
  })
  await rm(out, { recursive: true, force: true })
}
