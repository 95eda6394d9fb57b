// The machines that boot from here: which of them has fetched its script, kernel and initrd, how far and how fast.
import { readTarget } from './files/resolve-path.ts'
import type { Transfer } from './transfer.ts'

/** The files a machine boots with, in the order in which it fetches them. */
export const stepNames = ['script', 'kernel', 'initrd'] as const
type StepName = (typeof stepNames)[number]

/** A file on its way to a machine. */
export interface Step {
  file: string
  bytes: number
  totalBytes: number
  /** MB a second since it began. */
  rate: number
  state: 'running' | 'done' | 'failed'
  /** The answer's status, or why it was cut. */
  why: string
}

/** A machine that boots. */
export interface Boot {
  client: string
  /** When it last asked for something. */
  at: Date
  steps: Partial<Record<StepName, Step>>
}

const maxMachines = 256

/** What a file is for, by its name; undefined for what machines do not boot with. */
export function stepOf(file: string): StepName | undefined {
  if (/\.ipxe$/i.test(file)) return 'script'
  if (/initr(d|amfs)/i.test(file)) return 'initrd'
  return /kernel|vmlinu[xz]|bzimage/i.test(file) ? 'kernel' : undefined
}

function summarize(file: string, transfer: Transfer, nowMs: number): Step {
  const { bytes, promisedBytes, status, cut, startedMs, endedMs } = transfer
  const failed = cut !== undefined || status >= 400
  const seconds = Math.max(0.001, ((endedMs ?? nowMs) - startedMs) / 1000)
  return {
    file,
    bytes,
    totalBytes: promisedBytes,
    rate: bytes / 1e6 / seconds,
    state: failed ? 'failed' : endedMs === undefined ? 'running' : 'done',
    why: cut ?? (failed ? String(status) : ''),
  }
}

/** Keeps what machines fetched last, the most recent machines of many. */
export class Boots {
  readonly #machines = new Map<string, { at: Date; transfers: Map<StepName, [file: string, transfer: Transfer]> }>()

  /** Takes in a request at its start. A new script is a new boot. */
  see(transfer: Transfer): void {
    const target = readTarget(transfer.path)
    const file = 'names' in target ? target.names.at(-1) : undefined
    const step = file === undefined || transfer.method !== 'GET' ? undefined : stepOf(file)
    if (file === undefined || step === undefined) return
    const { client, at } = transfer
    const transfers = step === 'script' ? undefined : this.#machines.get(client)?.transfers
    const machine = { at, transfers: transfers ?? new Map() }
    machine.transfers.set(step, [file, transfer])
    // Put behind all others, so that the first is the one that has been silent for longest.
    this.#machines.delete(client)
    this.#machines.set(client, machine)
    const [oldest] = this.#machines.keys()
    if (this.#machines.size > maxMachines && oldest !== undefined) this.#machines.delete(oldest)
  }

  /** The machines, the last to ask first. */
  list(nowMs = performance.now()): Boot[] {
    return [...this.#machines].toReversed().map(([client, { at, transfers }]) => {
      const steps: Boot['steps'] = {}
      for (const [name, [file, transfer]] of transfers) steps[name] = summarize(file, transfer, nowMs)
      return { client, at, steps }
    })
  }
}
