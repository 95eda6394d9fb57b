// The end of console connections: a tenancy has ten, so none is left behind without a line that names it.
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { isMissing } from './calls.ts'
import { isConsoleOpen, type OciClient } from './client.ts'
import type { OciRecord } from './record.ts'
import { type ConsoleConnection, runTag } from './schema.ts'

/** How often a connection that changes is looked at. */
export const lookMs = 2000
/** How long the end of a run waits for the deletion of its connection. */
const goodbyeMs = 30_000
/** A deletion that takes longer is announced; a second interrupt counts only after a second. */
const slowMs = 500

/** What consoles are opened and removed with. */
export interface ConsoleTools {
  client: OciClient
  clock: Clock
  report: Reporter
}

/** Whether metalkit made it. */
export function isOurs({ freeformTags }: ConsoleConnection): boolean {
  return freeformTags?.[runTag] !== undefined
}

/** Deletes metalkit's connections that are stale. */
export async function sweepConsoles(
  { client, report }: Pick<ConsoleTools, 'client' | 'report'>,
  compartmentId: string,
  isStale: (connection: ConsoleConnection) => boolean,
  signal?: AbortSignal,
): Promise<void> {
  for (const connection of await client.listConsoles(compartmentId, signal)) {
    if (!isConsoleOpen(connection) || !isOurs(connection) || !isStale(connection)) continue
    report.detail(`deleting the console connection ${connection.id}, left by another run`)
    await client.disconnectConsole(connection.id, signal)
  }
}

/** Removes the connections of this run. */
export class ConsoleRemoval {
  readonly #parts: ConsoleTools

  constructor(parts: ConsoleTools) {
    this.#parts = parts
  }

  /** Names what is being deleted if that takes long: a second interrupt ends the run before the outcome can be told. */
  #nameIfSlow(what: string): Disposable {
    const { clock, report } = this.#parts
    const done = new AbortController()
    clock.sleep(slowMs, done.signal).then(
      () => report.info(`Deleting ${what}...`),
      () => {},
    )
    return { [Symbol.dispose]: () => done.abort() }
  }

  /** Deletes a connection, whatever has been interrupted; says so if it cannot. */
  async remove(id: string): Promise<void> {
    const { client, clock, report } = this.#parts
    const signal = AbortSignal.timeout(clock.toRealMs(goodbyeMs))
    using _name = this.#nameIfSlow(`the console connection ${id}`)
    try {
      await client.disconnectConsole(id, signal).catch(async (error: unknown) => {
        if (!isMissing(error)) throw error
        await clock.sleep(lookMs, signal)
        await client.disconnectConsole(id, signal)
      })
    } catch (error) {
      report.warn(
        `the console connection ${id} could not be deleted (${signal.aborted ? 'no answer in time' : messageOf(error)}); metalkit deletes it with its machine, or: oci compute instance-console-connection delete --instance-console-connection-id ${id}`,
      )
    }
  }

  /** Deletes the connections to a machine after one whose answer was lost. */
  async removeAll({ id, projectId }: OciRecord): Promise<void> {
    const { client, clock, report } = this.#parts
    const signal = AbortSignal.timeout(clock.toRealMs(goodbyeMs))
    using _name = this.#nameIfSlow(`the console connections to ${id}`)
    await sweepConsoles({ client, report }, projectId, ({ instanceId }) => instanceId === id, signal).catch(
      (error: unknown) => {
        const why = signal.aborted ? 'no answer in time' : messageOf(error)
        report.warn(`a console connection to ${id} may be left (${why}); metalkit deletes it with its machine`)
      },
    )
  }
}
