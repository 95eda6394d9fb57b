// Reads a rack file, and finds the machines that it names only by their class.
import { type Clock, systemClock } from '../clock.ts'
import type { Reporter } from '../io.ts'
import { checkRackFile, type RackFile, readRackFile } from './file/rack-file.ts'

/** The parts of loading. */
export interface LoadTools {
  env: Record<string, string | undefined>
  report: Reporter
  signal: AbortSignal
  clock?: Clock
}

/** Reads a rack's file. @throws UsageError for mistakes of the file, BmcError if the machines of a class cannot be found */
export async function loadRack(
  path: string,
  { env, report, signal, clock = systemClock }: LoadTools,
): Promise<RackFile> {
  let file = await readRackFile(path)
  if (file.fleets.length === 0) return file
  const { IronicClient } = await import('./ironic/client.ts')
  const { addFleet } = await import('./ironic/fleet.ts')
  for (const fleet of file.fleets) {
    await using client = new IronicClient(fleet.service, { secrets: { folder: file.folder, env }, clock, report })
    file = await addFleet(file, fleet, { client, report, signal })
  }
  checkRackFile(path, file)
  return file
}
