// A check of doctor, and its result.
import type { Context } from '../../io.ts'

/** The result of a check; a hint makes it a warning. */
export interface CheckResult {
  detail: string
  hint?: string
}

/** A check; failing an optional one affects only some runs. */
export interface Check {
  name: string
  optional?: boolean
  look: (context: Context) => Promise<CheckResult>
}

/** The reason for skipping a check. */
export class Skip extends Error {}
