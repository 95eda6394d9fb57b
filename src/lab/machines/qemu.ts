// Machines that QEMU runs: real firmware, real iPXE, a real kernel.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Duplex, type Readable, type Writable } from 'node:stream'
import { promisify } from 'node:util'
import { LabError } from '../../errors.ts'
import type { Reporter } from '../../io.ts'
import { leash } from '../leash.ts'
import { type Accelerator, chooseAccelerator } from './accelerator.ts'
import type { MachineDriver, MachineSpec, PoweredMachine, PowerLoss } from './driver.ts'
import { prepareDisk, removeDisk } from './qemu-disk.ts'
import { maxBootUrlBytes, qemuArgs, serconPort } from './qemu-args.ts'

const qemu = 'qemu-system-x86_64'
const bootRom = 'efi-virtio.rom'
const hint = 'install it (on Debian: apt-get install qemu-system-x86 ipxe-qemu) or use --machines simulated'

/** What may wait in memory in either direction of a serial line; what is more is lost, as on a wire. */
const serialBufferBytes = 1 << 20

/** A child's pipes; there are always three, which the types of spawn cannot say when there is a fourth descriptor. */
function pipesOf(child: ChildProcess): { stdin: Writable; stdout: Readable; stderr: Readable } {
  const { stdin, stdout, stderr } = child
  if (stdin === null || stdout === null || stderr === null) throw new Error('a child without pipes')
  return { stdin, stdout, stderr }
}

/** Checks that QEMU and the iPXE of its network card are there. @throws LabError naming what is missing */
async function findQemu(signal: AbortSignal | undefined): Promise<void> {
  let folders: string
  try {
    const { stdout } = await promisify(execFile)(qemu, ['-L', 'help'], signal === undefined ? {} : { signal })
    folders = stdout
  } catch (cause) {
    signal?.throwIfAborted()
    throw new LabError(`${JSON.stringify(qemu)} is not installed or does not start`, { hint, cause })
  }
  if (!folders.split('\n').some((folder) => existsSync(join(folder, bootRom)))) {
    throw new LabError(`${JSON.stringify(bootRom)}, the iPXE of QEMU's network card, is not installed`, { hint })
  }
}

/** A file descriptor of `bytes` that no name leads to any more, so that nothing is left behind, however the lab ends. */
async function openNameless(bytes: Uint8Array): Promise<{ fd: number; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-'))
  try {
    const path = join(folder, 'bytes')
    await writeFile(path, bytes, { mode: 0o600 })
    return await open(path, 'r')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The serial line over QEMU's stdin and stdout. The machine is never held up by a reader that does not read. */
function openSerial(stdin: Writable, stdout: Readable): Duplex {
  const serial = new Duplex({
    read() {},
    write(bytes, _encoding, done) {
      if (stdin.writableLength < serialBufferBytes) stdin.write(bytes)
      done()
    },
  })
  stdin.on('error', () => {})
  stdout.on('data', (bytes) => {
    if (serial.readableLength < serialBufferBytes) serial.push(bytes)
  })
  stdout.once('close', () => {
    serial.push(null)
    serial.end()
  })
  return serial
}

/** Why QEMU ended. */
function explainExit(code: number | null, signal: string | null, pulled: boolean, lastWords: string): PowerLoss {
  if (pulled) return { reason: 'switched-off' }
  if (code === 0) return { reason: 'poweroff' }
  return {
    reason: 'failed',
    detail: lastWords || (signal === null ? `QEMU exited with ${code}` : `QEMU died of ${signal}`),
  }
}

/** Starts QEMU; fulfilled once the process runs. */
async function startQemu(args: readonly string[], report: Reporter): Promise<PoweredMachine> {
  const [file = qemu, ...rest] = await leash([qemu, ...args], 'KILL')
  report.debug(`qemu: ${qemu} ${args.join(' ')}`)
  const sercon = await openNameless(serconPort)
  // In a session of its own: Ctrl-C at the lab's terminal is for the lab and its command, not for the machines.
  const child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'pipe', sercon.fd], detached: true })
  const { stdin, stdout, stderr } = pipesOf(child)
  let pulled = false
  let lastWords = ''
  createInterface({ input: stderr }).on('line', (line) => {
    // QEMU warns about every fw_cfg name outside opt/; ours has to be one.
    if (line === '' || line.includes('fw_cfg')) return
    lastWords = line
    report.debug(line)
  })
  const serial = openSerial(stdin, stdout)
  const off = new Promise<PowerLoss>((resolve) => {
    child.once('close', (code, signal) => resolve(explainExit(code, signal, pulled, lastWords)))
  })
  try {
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  } catch (cause) {
    throw new LabError(`${JSON.stringify(qemu)} does not start`, { hint, cause })
  } finally {
    await sercon.close()
  }
  return {
    serial,
    off,
    async [Symbol.asyncDispose]() {
      pulled = true
      child.kill('SIGKILL')
      await off
    },
  }
}

/** A driver that says how its machines' processors are run. */
export interface QemuDriver extends MachineDriver {
  readonly kind: 'qemu'
  readonly accelerator: Accelerator['name']
}

/** What a driver needs. Disks are kept in diskFolder, which is made where it is missing. */
export interface QemuDriverOptions {
  diskFolder: string
  report: Reporter
  signal?: AbortSignal
}

/**
 * Looks for QEMU, and for what runs its machines fastest here.
 * @throws LabError naming what is missing and how to install it
 */
export async function createQemuDriver(options: QemuDriverOptions): Promise<QemuDriver> {
  const { diskFolder, report, signal } = options
  await findQemu(signal)
  const accelerator = await chooseAccelerator(qemu, signal)
  signal?.throwIfAborted()
  return {
    kind: 'qemu',
    discard: (id) => removeDisk(diskFolder, id),
    accelerator: accelerator.name,
    async powerOn(spec: MachineSpec) {
      if (spec.arch !== 'x86_64') {
        throw new LabError(`machines of "${spec.arch}" do not run on QEMU yet`, {
          hint: 'use --machines simulated or a plan of x86_64',
        })
      }
      if (Buffer.byteLength(spec.bootUrl) > maxBootUrlBytes) {
        throw new LabError(
          `boot URL ${JSON.stringify(spec.bootUrl)} is longer than the ${maxBootUrlBytes} bytes DHCP carries`,
        )
      }
      const disk = await prepareDisk(diskFolder, spec.id)
      return await startQemu(qemuArgs(spec, accelerator, { sercon: '/dev/fd/3', disk }), report)
    },
  }
}
