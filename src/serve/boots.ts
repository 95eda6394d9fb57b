// The machines that boot from this server: how much of its script, kernel and initrd each has fetched, and how fast.
import { readTarget } from './files/resolve-path.ts'
import type { Transfer } from './transfer.ts'

/** The files a machine boots with, in the order in which it fetches them. */
export const stepNames = ['script', 'kernel', 'initrd'] as const
type StepName = (typeof stepNames)[number]

/** A file that a machine fetches. */
export interface BootStep {
  file: string
  bytes: number
  totalBytes: number
  /** MB/s since the transfer began. */
  rate: number
  state: 'running' | 'done' | 'failed'
  /** The status of the response, or why it was cut off. */
  why: string
}

/** A machine that boots. */
export interface Boot {
  client: string
  /** Time of its latest request. */
  at: Date
  steps: Partial<Record<StepName, BootStep>>
}

const maxMachines = 256

/** The boot step that a file name belongs to; undefined for files that no machine boots with. */
export function bootStepOf(file: string): StepName | undefined {
  if (/\.ipxe$/i.test(file)) return 'script'
  if (/initr(d|amfs)/i.test(file)) return 'initrd'
  return /kernel|vmlinu[xz]|bzimage/i.test(file) ? 'kernel' : undefined
}

function summarize(file: string, transfer: Transfer, nowMs: number): BootStep {
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

/** Records the latest transfers of the most recently active machines. */
export class Boots {
  readonly #machines = new Map<string, { at: Date; transfers: Map<StepName, [file: string, transfer: Transfer]> }>()

  /** Records a request when it starts. A new script starts a new boot. */
  see(transfer: Transfer): void {
    const target = readTarget(transfer.path)
    const file = 'names' in target ? target.names.at(-1) : undefined
    const step = file === undefined || transfer.method !== 'GET' ? undefined : bootStepOf(file)
    if (file === undefined || step === undefined) return
    const { client, at } = transfer
    const transfers = step === 'script' ? undefined : this.#machines.get(client)?.transfers
    const machine = { at, transfers: transfers ?? new Map() }
    machine.transfers.set(step, [file, transfer])
    // Moved to the end, so that the first machine is the one that has been silent longest.
    this.#machines.delete(client)
    this.#machines.set(client, machine)
    const [oldest] = this.#machines.keys()
    if (this.#machines.size > maxMachines && oldest !== undefined) this.#machines.delete(oldest)
  }

  /** The machines, most recent request first. */
  list(nowMs = performance.now()): Boot[] {
    return [...this.#machines].toReversed().map(([client, { at, transfers }]) => {
      const steps: Boot['steps'] = {}
      for (const [name, [file, transfer]] of transfers) steps[name] = summarize(file, transfer, nowMs)
      return { client, at, steps }
    })
  }
}
