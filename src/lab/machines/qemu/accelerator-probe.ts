// A device file, a version or the firmware's first output proves too little: KVM in some virtual machines starts, prints, and stops
// when iPXE changes the processor's mode.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { settleBefore } from '../../../deadline.ts'
import { messageOf } from '../../../errors.ts'
import type { Accelerator } from './accelerator.ts'
import type { MachineSpec } from '../driver.ts'
import { lastLineOf } from '../last-line.ts'
import { storeNameless } from '../ipxe/nameless-file.ts'
import { pathOfFile, secretConfig, serconPort, x86Args } from './args.ts'
import { startQemu } from './process.ts'
import { SerialLine } from '../serial-line.ts'

const script = 'trial.ipxe'
const marker = 'metalkit has seen iPXE run'

/** The trial machine: as small as iPXE allows, and without a disk. */
const spec: MachineSpec = {
  id: '00000000-0000-4000-8000-000000000000',
  hostname: 'trial',
  arch: 'x86_64',
  cpus: 1,
  memoryMib: 256,
  macs: ['02:00:00:00:00:00'],
  bootUrl: script,
}

/** Runs the trial. @returns why machines do not run with the accelerator; undefined if they do */
export async function probeAccelerator(
  program: string,
  accelerator: Accelerator,
  { patienceMs, signal }: { patienceMs: number; signal?: AbortSignal | undefined },
): Promise<string | undefined> {
  const title = accelerator.name.toUpperCase()
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-trial-'))
  const line = new SerialLine()
  let output = ''
  const isThrough = new Promise<'through'>((resolve) => {
    line.on('data', (bytes: Buffer) => {
      output = (output + bytes.toString('latin1')).slice(-4096)
      if (output.includes(marker)) resolve('through')
    })
  })
  const where = () => {
    const last = lastLineOf(output)
    return last === '' ? 'before it printed anything' : `at "${last}"`
  }
  try {
    using sercon = storeNameless(serconPort(spec))
    await writeFile(join(folder, script), `#!ipxe\necho ${marker}\nsleep 60\n`)
    const args = x86Args(spec, accelerator, { owner: String(process.pid), tftp: folder }, { sercon: pathOfFile(0) })
    const silent = { debug() {} }
    const qemu = await startQemu(
      { program, args, fds: [sercon.fd], config: secretConfig(spec), hint: '' },
      line,
      silent,
    )
    try {
      const end = Promise.race([isThrough, qemu.stopped, qemu.exit])
      const outcome = await settleBefore<Awaited<typeof end> | 'late'>(
        { ms: patienceMs, late: () => 'late', signal },
        end,
      )
      if (outcome === 'through') return undefined
      if (outcome === 'late')
        return `${title} does not get a machine through iPXE within ${patienceMs / 1000} s: it stalled ${where()}`
      if ('state' in outcome) return `${title} stopped a machine in iPXE (${outcome.state}) ${where()}`
      return `${title} does not start a machine: ${outcome.reason === 'failed' ? outcome.detail : `QEMU ended ${where()}`}`
    } finally {
      qemu.kill()
      await qemu.exit
    }
  } catch (error) {
    if (signal?.aborted) return undefined
    return `${title} cannot be tried: ${messageOf(error)}`
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
