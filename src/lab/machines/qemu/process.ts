// A QEMU process: its serial line on its stdin and stdout, its control socket, and how it ended.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Duplex, type Readable, type Writable } from 'node:stream'

import { LabError } from '../../../errors.ts'
import type { Reporter } from '../../../io.ts'
import { leash } from '../../state/leash.ts'
import type { PowerLoss } from '../driver.ts'
import { openNameless } from '../ipxe/nameless-file.ts'
import { pathOfFile, qmpFd } from './args.ts'
import { type MachineStop, StopWatch } from './stop.ts'
import { Qmp } from './qmp.ts'
import { serialBufferBytes, type SerialLine } from '../serial-line.ts'

/** How a process ended. `crashed` is an end by its own fault, not by somebody's signal. */
export type QemuExit =
  | { reason: 'poweroff' | 'reset' | 'killed' }
  | { reason: 'failed'; detail: string; crashed: boolean }

/** How a machine went off that a process ended so. */
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

/** A process that runs. */
export interface QemuProcess {
  qmp: Qmp
  /** Sends a break on the serial line. */
  sendBreak(): void
  /** Never rejected. */
  exit: Promise<QemuExit>
  /** Fulfilled if QEMU stops the machine's processors and does not let them go on by itself; never rejected. */
  stopped: Promise<MachineStop>
  kill(): void
}

/** What to start. */
export interface QemuCommand {
  program: string
  args: readonly string[]
  /** Descriptors that it gets, the first as 4 (3 is the control socket). */
  fds: readonly number[]
  /** What QEMU reads as a file of options before the arguments: secrets have no place in a command line. */
  config: string
  /** What to install where it does not start. */
  hint: string
}

/** Signals by which others end a process. */
const endingSignals: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'])

/** A child's pipes; there are always these four, which the types of spawn cannot say when there are more descriptors. */
function pipesOf(child: ChildProcess): { stdin: Writable; stdout: Readable; stderr: Readable; control: Duplex } {
  const { stdin, stdout, stderr } = child
  const control = child.stdio[qmpFd]
  if (stdin === null || stdout === null || stderr === null || !(control instanceof Duplex)) {
    throw new Error('a child without pipes')
  }
  return { stdin, stdout, stderr, control }
}

/** Joins a line and QEMU's stdin and stdout, until stdout ends. @returns what holds back typing until something is done */
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
 * @throws LabError where it does not start
 */
export async function startQemu(
  command: QemuCommand,
  line: SerialLine,
  report: Pick<Reporter, 'debug'>,
): Promise<QemuProcess> {
  const { program, fds, hint } = command
  await using config = await openNameless()
  // Not at the file's position, which a reader may share.
  await config.write(command.config, 0)
  const args = ['-readconfig', pathOfFile(fds.length), ...command.args]
  const [file = program, ...rest] = await leash([program, ...args], 'KILL')
  report.debug(`qemu: ${program} ${args.join(' ')}`)
  // In a session of its own: Ctrl-C at the lab's terminal is for the lab and its command, not for the machines.
  const child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'pipe', 'pipe', ...fds, config.fd], detached: true })
  const { stdin, stdout, stderr, control } = pipesOf(child)
  let killed = false
  let wasReset = false
  let complaint = ''
  createInterface({ input: stderr }).on('line', (words) => {
    // QEMU warns about every fw_cfg name outside opt/; ours has to be one.
    if (words === '' || words.includes('fw_cfg')) return
    // The first says what is wrong; what follows, such as a failed assertion, is where QEMU noticed.
    complaint ||= words.replace(/^qemu-system-\w+: (error: )?/, '')
    report.debug(words)
  })
  const stops = new StopWatch()
  const qmp = new Qmp(control, (event, data) => {
    if (event === 'SHUTDOWN') wasReset = data['reason'] === 'guest-reset'
    stops.see(event, data, qmp)
  })
  const hold = connect(line, stdin, stdout)
  const exit = new Promise<QemuExit>((resolve) => {
    child.once('close', (code, signal) => {
      if (killed) resolve({ reason: 'killed' })
      else if (code === 0) resolve({ reason: wasReset ? 'reset' : 'poweroff' })
      else {
        const how = signal === null ? `QEMU exited with ${code}` : `QEMU died of ${signal}`
        const crashed = signal === null || !endingSignals.has(signal)
        resolve({ reason: 'failed', detail: complaint || how, crashed })
      }
    })
  })
  try {
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  } catch (cause) {
    throw new LabError(`${JSON.stringify(program)} does not start`, { hint, cause })
  }
  return {
    qmp,
    exit,
    stopped: stops.stopped,
    sendBreak() {
      // What is typed behind it must not overtake it on the way to the machine.
      hold(qmp.execute('chardev-send-break', { id: 'sos' }).catch((error: unknown) => report.debug(String(error))))
    },
    kill() {
      killed = true
      child.kill('SIGKILL')
    },
  }
}
