// A QEMU process: the serial line on its stdin and stdout, its control socket, and how it ends.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Duplex, type Readable, type Writable } from 'node:stream'

import { LabError } from '../../../errors.ts'
import type { Reporter } from '../../../io.ts'
import { openSerialPipe } from './serial-pipe.ts'
import { leash } from '../../storage/leash.ts'
import type { PowerLoss } from '../driver.ts'
import { storeNameless } from '../ipxe/nameless-file.ts'
import { pathOfFile, qmpFd } from './args.ts'
import { type MachineStop, StopWatch } from './stop-watch.ts'
import { Qmp } from './qmp.ts'
import { serialBufferBytes, type SerialLine } from '../serial-line.ts'

/** How a process ended. `crashed` means through its own fault, not by a signal from another process. */
export type QemuExit =
  | { reason: 'poweroff' | 'reset' | 'killed' }
  | { reason: 'failed'; detail: string; crashed: boolean }

/** Maps the exit of a process to the power loss of its machine. */
export function lossOf(exit: QemuExit): PowerLoss {
  switch (exit.reason) {
    case 'failed':
      return { reason: 'failed', detail: exit.detail }
    case 'killed':
      return { reason: 'switched-off' }
    case 'poweroff':
    case 'reset':
      return { reason: 'poweroff' }
    default:
      return exit satisfies never
  }
}

/** A running process. */
export interface QemuProcess {
  qmp: Qmp
  /** Sends a break on the serial line. */
  sendBreak(): void
  /** Never rejected. */
  exit: Promise<QemuExit>
  /** Fulfilled if QEMU stops the machine's processors and does not resume them by itself; never rejected. */
  stopped: Promise<MachineStop>
  kill(): void
}

/** The command to start. */
export interface QemuCommand {
  program: string
  args: readonly string[]
  /** Descriptors to inherit, the first as 4 (3 is the control socket). */
  fds: readonly number[]
  /** Options that QEMU reads from a file before its arguments, for secrets that must not be in a command line. */
  config: string
  /** What to install if QEMU does not start. */
  hint: string
}

/** Signals that others send to end a process. */
const endingSignals: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'])

/** A child's pipes. They always exist, but the types of spawn cannot express that if further descriptors are passed. */
function pipesOf(child: ChildProcess): { stdin: Writable; stderr: Readable; control: Duplex } {
  const { stdin, stderr } = child
  const control = child.stdio[qmpFd]
  if (stdin === null || stderr === null || !(control instanceof Duplex)) {
    throw new Error('a child without pipes')
  }
  return { stdin, stderr, control }
}

/** Connects a line with QEMU's stdin and stdout, until stdout ends. @returns a function that holds back input until a promise settles */
function connect(line: SerialLine, stdin: Writable, stdout: Readable): (until: Promise<unknown>) => void {
  stdin.on('error', () => {})
  let held = Promise.resolve<unknown>(undefined)
  let holds = 0
  const write = (bytes: Buffer) => {
    if (stdin.writableLength < serialBufferBytes) stdin.write(bytes)
  }
  line.onType = (bytes) => {
    if (holds === 0) write(bytes)
    else void held.then(() => write(bytes))
  }
  stdout.on('data', (bytes: Buffer) => line.send(bytes))
  stdout.once('close', () => {
    line.onType = undefined
  })
  return (until) => {
    holds++
    held = until.finally(() => holds--)
  }
}

/**
 * Starts QEMU; fulfilled once the process runs.
 * @throws LabError if it does not start
 */
export async function startQemu(
  command: QemuCommand,
  line: SerialLine,
  report: Pick<Reporter, 'debug'>,
): Promise<QemuProcess> {
  const { program, fds, hint } = command
  using config = storeNameless(Buffer.from(command.config))
  const args = ['-readconfig', pathOfFile(fds.length), ...command.args]
  const [file = program, ...rest] = await leash([program, ...args], 'KILL')
  report.debug(`qemu: ${program} ${args.join(' ')}`)
  // QEMU gets its own session: Ctrl-C in the lab's terminal is for the lab and its command, not for the machines.
  const { reader: stdout, writer } = await openSerialPipe()
  const stdio = ['pipe', writer.fd, 'pipe', 'pipe', ...fds, config.fd] as const
  const child = spawn(file, rest, { stdio: [...stdio], detached: true })
  const { stdin, stderr, control } = pipesOf(child)
  let killed = false
  let wasReset = false
  let complaint = ''
  createInterface({ input: stderr }).on('line', (words) => {
    // QEMU warns about every fw_cfg name outside opt/, and SeaBIOS requires one.
    if (words === '' || words.includes('fw_cfg')) return
    // The first message says what is wrong; later ones, such as a failed assertion, only say where QEMU noticed.
    complaint ||= words.replace(/^qemu-system-\w+: (error: )?/, '')
    report.debug(words)
  })
  const stops = new StopWatch()
  const qmp = new Qmp(control, (event, data) => {
    if (event === 'SHUTDOWN') wasReset = data['reason'] === 'guest-reset'
    stops.see(event, data, qmp)
  })
  const hold = connect(line, stdin, stdout)
  const describeExit = (code: number | null, signal: NodeJS.Signals | null): QemuExit => {
    if (killed) return { reason: 'killed' }
    if (code === 0) return { reason: wasReset ? 'reset' : 'poweroff' }
    const how = signal === null ? `QEMU exited with ${code}` : `QEMU died of ${signal}`
    const crashed = signal === null || !endingSignals.has(signal)
    return { reason: 'failed', detail: complaint || how, crashed }
  }
  const exit = new Promise<QemuExit>((resolve) => {
    const allRead = once(stdout, 'close').catch(() => {})
    child.once('close', (code, signal) => void allRead.then(() => resolve(describeExit(code, signal))))
  })
  try {
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  } catch (cause) {
    throw new LabError(`${JSON.stringify(program)} does not start`, { hint, cause })
  } finally {
    await writer.close()
  }
  return {
    qmp,
    exit,
    stopped: stops.stopped,
    sendBreak() {
      // Later input must not overtake the break on its way to the machine.
      hold(qmp.execute('chardev-send-break', { id: 'sos' }).catch((error: unknown) => report.debug(String(error))))
    },
    kill() {
      killed = true
      child.kill('SIGKILL')
    },
  }
}
