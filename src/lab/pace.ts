// How long the lab takes over what took minutes in the cloud.

/** Delays of a device's life, in milliseconds. */
export interface Pace {
  /** From the create call to the start of provisioning. */
  queuedMs: number
  /** Between two provisioning events, and before a power action or a deletion takes effect. */
  stepMs: number
}

/** Fast enough for tests, slow enough that every state can be seen by polling. */
export const quickPace: Pace = { queuedMs: 150, stepMs: 100 }
