// Machines that are being deployed. The API calls a server "off" both before its first start and after its last.
import type { Clock } from '../clock.ts'
import type { Reporter } from '../io.ts'
import type { MachineRecord } from '../machine/cloud.ts'
import { toRecord } from './record.ts'
import type { LatitudeServer } from './schema.ts'

/** Users have seen servers stay off or deploying forever, and deleted them after ten minutes. */
const stuckMs = 10 * 60_000

/** Tells "not started yet" from "switched off", and says when a deployment seems to be stuck. */
export class Starts {
  readonly #clock: Clock
  readonly #report: Pick<Reporter, 'warn'>
  /** When a machine's deployment began, by its id or host name; until it has been on. */
  readonly #begun = new Map<string, number>()
  readonly #told = new Set<string>()

  constructor(clock: Clock, report: Pick<Reporter, 'warn'>) {
    this.#clock = clock
    this.#report = report
  }

  /** The deployment of a machine has begun, or may have. @param name its id or host name */
  note(name: string): void {
    this.#begun.set(name, this.#clock.monotonicMs())
  }

  /** A server as the API shows it now. */
  see(server: LatitudeServer): MachineRecord {
    const names = [server.id, (server.attributes.hostname ?? '').toLowerCase()]
    const begunMs = names.map((name) => this.#begun.get(name)).find((ms) => ms !== undefined)
    const record = toRecord(server, begunMs !== undefined)
    if (record.phase === 'on') for (const name of names) this.#begun.delete(name)
    else if (record.phase === 'coming' && begunMs !== undefined) this.#warnIfStuck(record, begunMs)
    return record
  }

  #warnIfStuck({ id, state }: MachineRecord, begunMs: number): void {
    if (this.#told.has(id) || this.#clock.monotonicMs() - begunMs < stuckMs) return
    this.#told.add(id)
    this.#report.warn(
      `the machine ${id} is still "${state}" after ${stuckMs / 60_000} minutes; Latitude.sh is known to leave machines in this state forever: if it stays so, delete it and create another`,
    )
  }
}
