// The person at machines that no BMC switches: what to do is said to them, and `metalkit rack release` is their answer.
import { EventEmitter, once } from 'node:events'
import type { Reporter } from '../../io.ts'
import type { RackMachine } from '../file/rack-file.ts'
import type { Sightings } from '../netboot/sightings.ts'
import type { Hands } from '../power/hands.ts'

/** Whether only hands switch a machine off. */
export function isByHand({ power }: Pick<RackMachine, 'power'>): boolean {
  return power?.kind === 'wake' || power?.kind === 'by-hand'
}

/** People at the machines of a rack. */
export class People {
  readonly #report: Reporter
  readonly #sightings: Sightings
  readonly #answers = new EventEmitter().setMaxListeners(0)

  constructor(report: Reporter, sightings: Sightings) {
    this.#report = report
    this.#sightings = sightings
  }

  /** The hands at a machine. */
  handsAt({ name, macs }: Pick<RackMachine, 'name' | 'macs'>): Hands {
    return {
      tell: (words) =>
        this.#report.warn(`rack: ${words}${/confirm/.test(words) ? `: metalkit rack release ${name}` : ''}`),
      // Any sign of life: firmware that asks for an address, or iPXE.
      seenOn: (signal) => this.#sightings.next(macs, signal),
      confirmedOff: async (signal) => void (await once(this.#answers, name, { signal })),
    }
  }

  /** Whether a person was asked to switch the machine off, and has not said yet that it is. */
  isAskedForOff(name: string): boolean {
    return this.#answers.listenerCount(name) > 0
  }

  /** A person says that a machine is off. */
  confirmOff(name: string): void {
    this.#answers.emit(name)
  }
}
