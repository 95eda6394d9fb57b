// Detects machines whose processors QEMU has stopped: KVM failed, the disk was full, the system panicked. QEMU then keeps running
// and reports the stop only on its control socket.
import { z } from 'zod/mini'

import type { Qmp } from './qmp.ts'

/** Why a machine has stopped. */
export interface MachineStop {
  /** QEMU's word for its state (RunState): internal-error, io-error, guest-panicked, paused … */
  state: string
  /** The cause, if it is known. */
  detail?: string | undefined
}

const statusSchema = z.looseObject({ status: z.string(), running: z.boolean() })

/** States that a machine leaves by itself or ends in. */
const passingStates: ReadonlySet<string> = new Set([
  'running',
  'prelaunch',
  'inmigrate',
  'restore-vm',
  'save-vm',
  'finish-migrate',
  'shutdown',
])

/** Watches the events of one QEMU for a stop. */
export class StopWatch {
  /** Never rejected. */
  readonly stopped: Promise<MachineStop>
  #resolve: (stop: MachineStop) => void = () => {}
  #isEnding = false
  #detail: string | undefined

  constructor() {
    this.stopped = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  /** Handles an event. `qmp` is queried for the state after a stop. */
  see(event: string, data: Record<string, unknown>, qmp: Qmp): void {
    switch (event) {
      case 'SHUTDOWN':
        this.#isEnding = true
        return
      case 'BLOCK_IO_ERROR':
        this.#detail = `the disk: ${typeof data['reason'] === 'string' ? data['reason'] : 'input/output error'}`
        return
      case 'GUEST_PANICKED':
        // With `run` the machine continues; with `poweroff` it ends as usual.
        if (data['action'] === 'pause') this.#resolve({ state: 'guest-panicked' })
        return
      case 'STOP':
        if (!this.#isEnding) void this.#ask(qmp)
        return
      default:
    }
  }

  async #ask(qmp: Qmp): Promise<void> {
    const answer = await qmp.execute('query-status').catch(() => undefined)
    const status = statusSchema.safeParse(answer).data
    // If QEMU has ended meanwhile, its exit says why.
    if (status === undefined || status.running || this.#isEnding || passingStates.has(status.status)) return
    this.#resolve({ state: status.status, detail: this.#detail })
  }
}

/** Describes a stop for a message. */
export function describeStop({ state, detail }: MachineStop): string {
  return `QEMU stopped the machine (${detail === undefined ? state : `${state}; ${detail}`})`
}
