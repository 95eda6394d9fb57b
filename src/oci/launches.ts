// The launches of this run: a machine that ends before it has run, and that nobody has deleted, has failed.
import type { MachineEvent } from '../machine/cloud.ts'
import type { OciClient } from './client.ts'
import type { OciRecord } from './record.ts'

/** Remembers launches until their machines run. */
export class Launches {
  /** The work request of each, by the machine's id. */
  readonly #workRequests = new Map<string, string | undefined>()
  readonly #deleted = new Set<string>()

  note(id: string, workRequestId: string | undefined): void {
    this.#workRequests.set(id, workRequestId)
  }

  /** Its deletion is asked for, so its end is no failure. */
  noteDeletion(id: string): void {
    this.#deleted.add(id)
  }

  /** The machine, as failed if its launch has failed. */
  see(record: OciRecord): OciRecord {
    const { id, phase } = record
    if (phase === 'on') this.#workRequests.delete(id)
    const hasEnded = phase === 'going' || phase === 'gone'
    return hasEnded && this.#workRequests.has(id) && !this.#deleted.has(id) ? { ...record, phase: 'failed' } : record
  }

  /** Why a launch failed. */
  async listErrors(client: OciClient, id: string, signal: AbortSignal): Promise<MachineEvent[]> {
    const workRequest = this.#workRequests.get(id)
    if (workRequest === undefined) return []
    const errors = await client.listWorkRequestErrors(workRequest, signal)
    return errors.map(({ code, message }, index) => ({
      id: `${workRequest}/${index}`,
      type: 'launch.failed',
      body: `${code}: ${message}`,
    }))
  }
}
