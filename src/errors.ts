// The error family. Each subclass has an exit code and names the layer that failed.
// A message says what failed, quotes the value, and says why; the hint says what to do next. Both are one line.
import { constants } from 'node:os'

/** The exit codes; docs/exit-codes.md has the table for users. */
export const exitCodes = {
  success: 0,
  internal: 1,
  usage: 2,
  authentication: 3,
  api: 4,
  image: 5,
  machine: 6,
  console: 7,
  pattern: 8,
  machineLeft: 9,
  lab: 10,
} as const

interface ErrorOptions {
  /** What to do next, as a clause: "run linuxkit build first". */
  hint?: string
  cause?: unknown
}

/** An error that the user can understand and act on. Any other error is a defect in metalkit. */
export abstract class MetalkitError extends Error {
  abstract readonly exitCode: number
  /** The part of the work that failed, printed before the message. */
  abstract readonly layer: string
  readonly hint: string | undefined

  constructor(message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.hint = options.hint
  }
}

/** The command line, the environment or the configuration file is wrong. */
export class UsageError extends MetalkitError {
  readonly exitCode = exitCodes.usage
  readonly layer = 'usage'
}

/** Which API an error is about, as its line begins: `metal`. */
interface ApiErrorOptions extends ErrorOptions {
  layer?: string | undefined
}

/** The API does not accept the token (401). */
export class AuthenticationError extends MetalkitError {
  readonly exitCode = exitCodes.authentication
  readonly layer: string

  constructor(message: string, options: ApiErrorOptions = {}) {
    super(message, options)
    this.layer = options.layer ?? 'api'
  }
}

/** The API refused a request or sent an invalid response. */
export class ApiError extends MetalkitError {
  readonly exitCode = exitCodes.api
  readonly layer: string
  /** HTTP status; absent if there was no response. */
  readonly status: number | undefined
  /** The API's own code for the refusal, if its errors have codes. */
  readonly refusalCode: string | undefined

  constructor(
    message: string,
    options: ApiErrorOptions & { status?: number | undefined; refusalCode?: string | undefined } = {},
  ) {
    super(message, options)
    this.layer = options.layer ?? 'api'
    this.status = options.status
    this.refusalCode = options.refusalCode
  }

  /** The same error with a hint. */
  advise(hint: string): ApiError {
    return new ApiError(this.message, { layer: this.layer, status: this.status, hint, cause: this })
  }
}

/** A request that may or may not have been carried out: its answer was lost, late, a 5xx, or unreadable. */
export class UncertainError extends ApiError {}

/** A refusal that will not change if the request is repeated, such as a locked machine's. */
export class FinalRefusal extends ApiError {}

/** A kernel, initrd or cmdline on disk cannot be used or copied. */
export class ImageError extends MetalkitError {
  readonly exitCode = exitCodes.image
  readonly layer = 'image'
}

/** Files could not be written where machines fetch them. */
export class PublishError extends MetalkitError {
  readonly exitCode = exitCodes.image
  readonly layer = 'push'
}

/** The published files differ from the pushed ones, or cannot be checked. */
export class VerifyError extends MetalkitError {
  readonly exitCode = exitCodes.image
  readonly layer = 'verify'
}

/** The tunnel that makes the image server public does not work. */
export class TunnelError extends MetalkitError {
  readonly exitCode = exitCodes.image
  readonly layer = 'tunnel'
}

/** Serving, or a URL that machines are to fetch, does not work. */
export class ServeError extends MetalkitError {
  readonly exitCode = exitCodes.image
  readonly layer = 'serve'
}

/** The machine failed, disappeared or took too long. */
export class MachineError extends MetalkitError {
  readonly exitCode = exitCodes.machine
  readonly layer = 'machine'
}

/** The serial console was unreachable, not trusted or lost. */
export class ConsoleError extends MetalkitError {
  readonly exitCode = exitCodes.console
  readonly layer = 'console'
}

/** The console did not show an expected pattern. */
export class PatternError extends MetalkitError {
  readonly exitCode = exitCodes.pattern
  readonly layer = 'console'
}

/** A machine this program rented could not be given back: the message names it, the hint says how to delete it. */
export class MachineLeftError extends MetalkitError {
  readonly exitCode = exitCodes.machineLeft
  readonly layer = 'machine'
}

/** The local cloud could not start or run. */
export class LabError extends MetalkitError {
  readonly exitCode = exitCodes.lab
  readonly layer = 'lab'
}

/** The rack, or one of its machines, does not work. */
export class RackError extends MetalkitError {
  readonly exitCode = exitCodes.lab
  readonly layer = 'rack'
}

/** Turns a LabError of code that lab and rack share into a RackError; returns any other error unchanged. */
export function asRackError(error: unknown): unknown {
  if (!(error instanceof LabError)) return error
  return new RackError(error.message, { ...(error.hint === undefined ? {} : { hint: error.hint }), cause: error })
}

function sayingOf(signal: NodeJS.Signals): string {
  return signal === 'SIGPIPE' ? 'the reader of its output went away' : `by ${signal}`
}

/** A signal ended the run; SIGPIPE stands for a lost reader of its output. The exit code is the shell's: 128 plus the signal's number. */
export class InterruptedError extends MetalkitError {
  readonly layer = 'interrupted'
  #signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals, message = sayingOf(signal)) {
    super(message)
    this.#signal = signal
  }

  get signal(): NodeJS.Signals {
    return this.#signal
  }

  get exitCode(): number {
    return 128 + constants.signals[this.#signal]
  }

  /** Renames the act: one act can arrive as several signals, its consequences first. */
  rename(signal: NodeJS.Signals): void {
    this.#signal = signal
    this.message = sayingOf(signal)
  }
}

/**
 * The errors inside one, each once, first cause first: a failing cleanup after an error arrives as a SuppressedError pair,
 * parallel failures as an AggregateError.
 */
export function flattenErrors(error: unknown): unknown[] {
  if (error instanceof AggregateError) return [...new Set(error.errors.flatMap(flattenErrors))]
  if (error instanceof Error && error.name === 'SuppressedError' && 'error' in error && 'suppressed' in error) {
    return [...new Set([...flattenErrors(error.suppressed), ...flattenErrors(error.error)])]
  }
  return [error]
}

/** The message of an error, or the text of any other thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** One line for people: `image: "x-kernel" does not exist; run linuxkit build first`. */
export function describeError(error: unknown): string {
  if (error instanceof MetalkitError) {
    return `${error.layer}: ${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}`
  }
  return `internal error: ${messageOf(error)}`
}

/** The same for scripts. */
export function errorFields(error: unknown): { layer: string; message: string; hint?: string; exit_code: number } {
  const known = error instanceof MetalkitError ? error : undefined
  return {
    layer: known?.layer ?? 'internal',
    message: messageOf(error),
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
    exit_code: exitCodeOf(error),
  }
}

/** The exit code of an ending: a machine left behind outweighs what led to it, otherwise the first cause counts. */
export function exitCodeOf(error: unknown): number {
  const errors = flattenErrors(error)
  const decisive = errors.find((cause) => cause instanceof MachineLeftError) ?? errors[0]
  return decisive instanceof MetalkitError ? decisive.exitCode : exitCodes.internal
}
