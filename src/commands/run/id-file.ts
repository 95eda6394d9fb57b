// --id-file: a file in which scripts find the machine's id, like docker's --cidfile.
import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import { heed, settleBefore } from '../../deadline.ts'
import { UsageError } from '../../errors.ts'
import { describeCondition } from '../../text/system-error.ts'
import { checkReplaceable, ObstacleError, replaceFile } from '../../files/atomic-file.ts'
import { isRemote } from '../../files/remote.ts'

/** How long to wait at the end for the file. */
const lastWriteMs = 10_000
/** The same after an interrupt. */
const hurriedWriteMs = 1000

type Replace = (path: string, text: string) => Promise<void>

function refuse(path: string, error: unknown): never {
  const why = error instanceof ObstacleError ? `: it is ${error.what}` : `: ${describeCondition(error)}`
  throw new UsageError(`the id file "${path}" cannot be written${why}`, {
    hint: 'pass --id-file a file in an existing folder that you can write to',
    cause: error,
  })
}

/** Checks that the file can be written. */
export async function checkIdFile(path: string, signal: AbortSignal): Promise<void> {
  try {
    if (path.endsWith('/')) throw new ObstacleError(path, 'a folder')
    await heed(access(dirname(path), constants.W_OK), signal)
    await heed(checkReplaceable(path), signal)
  } catch (error) {
    signal.throwIfAborted()
    refuse(path, error)
  }
}

/** Chooses how to replace a file. If its file system may hang, a separate process writes it, so that this one need not wait. */
async function findWriter(path: string): Promise<Replace> {
  if (!(await isRemote(dirname(path)))) return replaceFile
  const { replaceFileElsewhere } = await import('../../files/steady-output.ts')
  return replaceFileElsewhere
}

/**
 * The id file of a run. It is written while the run continues, since its file system may hang; signals and time limits
 * still work meanwhile. Disposing it waits a moment for the file.
 */
export class IdFile implements AsyncDisposable {
  readonly #path: string
  readonly #replace: Replace
  readonly #signal: AbortSignal
  readonly #failure = new AbortController()
  #writing: Promise<void> = Promise.resolve()

  private constructor(path: string, replace: Replace, signal: AbortSignal) {
    this.#path = path
    this.#replace = replace
    this.#signal = signal
  }

  /** Checks the file before a machine is rented. @throws UsageError if it cannot be written, or the signal's reason */
  static async prepare(path: string, signal: AbortSignal): Promise<IdFile> {
    await checkIdFile(path, signal)
    return new IdFile(path, await heed(findWriter(path), signal), signal)
  }

  /** Aborted with a UsageError if the file cannot be written after all. */
  get failure(): AbortSignal {
    return this.#failure.signal
  }

  /** Starts to write the id and a newline; the file appears complete. */
  begin(id: string): void {
    this.#writing = this.#replace(this.#path, `${id}\n`).catch((error: unknown) => {
      try {
        refuse(this.#path, error)
      } catch (refusal) {
        this.#failure.abort(refusal)
      }
    })
  }

  /** @throws UsageError if the file is not written */
  async [Symbol.asyncDispose](): Promise<void> {
    const late = () => {
      throw new UsageError(`the id file "${this.#path}" is not written: its file system does not answer`, {
        hint: 'pass --id-file a file on a local disk',
      })
    }
    const patience = this.#signal.aborted ? { ms: hurriedWriteMs } : { ms: lastWriteMs, signal: this.#signal }
    await settleBefore<void>({ ...patience, late }, this.#writing)
    this.failure.throwIfAborted()
  }
}
