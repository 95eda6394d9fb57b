// The serial console of a machine, by what the rack's file says of it.
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../../clock.ts'
import { heed } from '../../deadline.ts'
import type { Reporter } from '../../io.ts'
import { SerialLine } from '../../lab/machines/serial-line.ts'
import { Ipmi } from '../bmc/ipmitool.ts'
import { plainEnvironment } from '../bmc/program.ts'
import type { RackFile, RackMachine } from '../file/rack-file.ts'
import { connectDevice } from './device.ts'
import { connectIronic } from './ironic.ts'
import { LastingLine } from './lasting-line.ts'
import type { Connect } from './link.ts'
import { connectSol } from './sol.ts'
import { connectSsh } from './ssh.ts'
import { connectTcp } from './tcp.ts'

/** The parts of a console besides the machine's description. */
export interface ConsoleHooks {
  env: Record<string, string | undefined>
  /** Gets one line for each loss and each return. */
  report: Reporter
  /** Ends the wait for the first attempt, and gives the console up then. */
  signal: AbortSignal
  clock?: Clock
}

/** A machine's console. Disposing it ends the line, and the program or connection behind it. */
export interface RackConsole extends AsyncDisposable {
  /** Never ends while the console lives. Input without a connection is lost, and output that nobody reads. */
  line: Duplex
  /** Sends a break, if the connection can. */
  sendBreak(): void
}

/** The way to a machine's line; undefined if the file has none. */
function connectorOf(machine: RackMachine, file: RackFile, hooks: Required<ConsoleHooks>): Connect | undefined {
  const { name, console, power } = machine
  const { env, report, clock } = hooks
  const secrets = { folder: file.folder, env }
  switch (console?.kind) {
    case 'sol': {
      const bmc = console.bmc ?? (power?.kind === 'ipmi' ? power : undefined)
      if (bmc === undefined) return undefined
      // Not the power's own: a command of one must not wait for the other.
      return connectSol({ ipmi: new Ipmi(bmc, { machine: name, secrets }), address: bmc.address, clock })
    }
    case 'tcp':
      return connectTcp(console.address)
    case 'ssh':
      return connectSsh(console, { machine: name, secrets, report })
    case 'device':
      return connectDevice(console, plainEnvironment(env))
    case 'ironic':
      return power?.kind === 'ironic' ? connectIronic(power, { secrets, clock, report }) : undefined
    case undefined:
    default:
      return undefined
  }
}

/**
 * Opens a machine's console. Returns once it is open, or once the first attempt has failed: a machine boots without its console
 * too, and the console goes on trying. A machine without a console has a silent line.
 * @throws the signal's reason
 */
export async function openRackConsole(machine: RackMachine, file: RackFile, hooks: ConsoleHooks): Promise<RackConsole> {
  hooks.signal.throwIfAborted()
  const all = { clock: systemClock, ...hooks }
  const connect = connectorOf(machine, file, all)
  if (connect === undefined) {
    const line = new SerialLine()
    return { line, sendBreak() {}, [Symbol.asyncDispose]: () => Promise.resolve(line.hangUp()) }
  }
  const { report, clock, signal } = all
  const console = new LastingLine({ name: `the console of "${machine.name}"`, connect, report, clock })
  try {
    await heed(console.tried, signal)
  } catch (error) {
    await console[Symbol.asyncDispose]()
    throw error
  }
  return console
}
