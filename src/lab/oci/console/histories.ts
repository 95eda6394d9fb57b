// Console histories: the last part of an instance's serial output, as it was when it was asked for.
import { randomUUID } from 'node:crypto'
import { regionalOcid } from '../account/ocid.ts'
import { availabilityDomain } from '../compute/stock.ts'
import type { Instance } from '../compute/instances.ts'

/** A captured history. */
export interface History {
  readonly id: string
  readonly instance: Instance
  readonly bytes: Buffer
  displayName: unknown
  freeformTags: unknown
  definedTags: unknown
  readonly createdAt: string
  readonly requestedMs: number
}

/** Captures what the instance has printed last. */
export function captureHistory(
  instance: Instance,
  bytes: Buffer,
  { displayName, freeformTags, definedTags }: Readonly<Record<string, unknown>>,
): History {
  return {
    id: regionalOcid('consolehistory', randomUUID()),
    instance,
    bytes: Buffer.from(bytes),
    displayName: displayName ?? null,
    freeformTags: freeformTags ?? {},
    definedTags: definedTags ?? {},
    createdAt: new Date().toISOString(),
    requestedMs: performance.now(),
  }
}

/** The state of a history, which takes two steps. */
export function historyState({ requestedMs }: Pick<History, 'requestedMs'>, stepMs: number): string {
  const steps = (performance.now() - requestedMs) / Math.max(stepMs, 1)
  return steps < 1 ? 'REQUESTED' : steps < 2 ? 'GETTING-HISTORY' : 'SUCCEEDED'
}

/** A history as the API shows it. */
export function historyView(history: History, stepMs: number): Record<string, unknown> {
  const { id, instance, displayName, freeformTags, definedTags, createdAt } = history
  return {
    id,
    instanceId: instance.device.id,
    compartmentId: instance.details.compartmentId,
    availabilityDomain: availabilityDomain.name,
    displayName,
    lifecycleState: historyState(history, stepMs),
    freeformTags,
    definedTags,
    timeCreated: createdAt,
  }
}
