// How long the lab takes for steps that took minutes in the real cloud.
import { systemClock } from '../../clock.ts'

/** Delays of a device's life, in milliseconds. */
export interface Pace {
  /** From the create call to the start of provisioning. */
  queuedMs: number
  /** Between two provisioning events, and before a power action or a deletion takes effect. */
  stepMs: number
  /** Between two tries to switch a machine off, or to find out whether it is off. */
  retryMs: number
  /** From power on to the boot script; a device that takes longer has failed. */
  provisioningMs: number
  /** How long a failed device is shown before the cloud takes it back. */
  failedMs: number
  /** How long a device that was taken back answers 403 (forbidden) before it answers 404 (not found). */
  forbiddenMs: number
  /** How long the end of the lab waits for a machine. */
  endMs: number
  /** How often the cloud looks for devices that are due for deletion. */
  upkeepMs: number
}

/** Fast enough for tests, slow enough that polling sees every state. A failed device stays visible for a minute. */
export const quickPace: Pace = {
  queuedMs: 150,
  stepMs: 100,
  retryMs: 1000,
  provisioningMs: 600_000,
  failedMs: 60_000,
  forbiddenMs: 60_000,
  endMs: 30_000,
  upkeepMs: 250,
}

/** For machines whose firmware takes seconds anyway: they start at once, and polling sees them in provisioning meanwhile. */
export const bootingPace: Pace = { ...quickPace, queuedMs: 0, stepMs: 0 }

/** The real cloud's pace: about five minutes from the create call to the boot, a minute for a power action (inferred from users' reports). */
export const realPace: Pace = {
  queuedMs: 30_000,
  stepMs: 75_000,
  retryMs: 10_000,
  provisioningMs: 3_600_000,
  failedMs: 120_000,
  forbiddenMs: 600_000,
  endMs: 30_000,
  upkeepMs: 5000,
}

/** Waits between two steps. Without a delay nothing else gets its turn, so that QEMU starts before consoles connect. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (ms > 0) await systemClock.sleep(ms, signal)
}
