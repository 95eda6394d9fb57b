// How long the lab takes over what took minutes in the cloud.

/** Delays of a device's life, in milliseconds. */
export interface Pace {
  /** From the create call to the start of provisioning. */
  queuedMs: number
  /** Between two provisioning events, and before a power action or a deletion takes effect. */
  stepMs: number
  /** From the start of provisioning to the boot script: a machine that takes longer has failed. */
  provisioningMs: number
  /** How long a failed device is shown before the cloud takes it back. */
  failedMs: number
  /** How long such a device is forbidden (403) before it is not found (404). */
  forbiddenMs: number
  /** How often the cloud looks for devices whose time has come. */
  upkeepMs: number
}

/** Fast enough for tests, slow enough that every state can be seen by polling. A failure can be looked at for a minute. */
export const quickPace: Pace = {
  queuedMs: 150,
  stepMs: 100,
  provisioningMs: 600_000,
  failedMs: 60_000,
  forbiddenMs: 60_000,
  upkeepMs: 250,
}

/** For machines whose firmware takes seconds by itself: they begin at once, and are seen in provisioning meanwhile. */
export const bootingPace: Pace = { ...quickPace, queuedMs: 1, stepMs: 1 }

/** As the cloud was: about five minutes from the create call to the boot, a minute for a power action (inferred from users' reports). */
export const realPace: Pace = {
  queuedMs: 30_000,
  stepMs: 75_000,
  provisioningMs: 3_600_000,
  failedMs: 120_000,
  forbiddenMs: 600_000,
  upkeepMs: 5000,
}
