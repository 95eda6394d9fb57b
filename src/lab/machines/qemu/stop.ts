// Machines whose processors QEMU stopped: KVM met what it cannot do, the disk took no more, the system panicked. QEMU then stays,
// and says so on its control socket alone.
import { z } from 'zod'

import type { Qmp } from './qmp.ts'

/** Why a machine does not go on. */
export interface MachineStop {
  /** QEMU's word for its state (RunState): internal-error, io-error, guest-panicked, paused … */
  state: string
  /** What is known of the cause. */
  detail?: string | undefined
}

const statusSchema = z.looseObject({ status: z.string(), running: z.boolean() })

/** States that a machine leaves by itself, or in which it ends. */
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

  /** Takes an event. `qmp` is asked for the state behind a stop. */
  see(event: string, data: Record<string, unknown>, qmp: Qmp): void {
    switch (event) {
      case 'SHUTDOWN':
        this.#isEnding = true
        return
      case 'BLOCK_IO_ERROR':
        this.#detail = `the disk: ${typeof data['reason'] === 'string' ? data['reason'] : 'input/output error'}`
        return
      case 'GUEST_PANICKED':
        // With `run` it only says so and goes on; with `poweroff` the machine ends as others do.
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
    // One that is gone by now says why by its exit.
    if (status === undefined || status.running || this.#isEnding || passingStates.has(status.status)) return
    this.#resolve({ state: status.status, detail: this.#detail })
  }
}

/** A stop, as a message has it. */
export function describeStop({ state, detail }: MachineStop): string {
  return `QEMU stopped the machine (${detail === undefined ? state : `${state}; ${detail}`})`
}
