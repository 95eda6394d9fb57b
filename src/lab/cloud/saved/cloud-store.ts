// The file that keeps a cloud when its lab ends. It is replaced atomically, so it is never half-written.
import { readFile } from 'node:fs/promises'

import { LabError } from '../../../errors.ts'
import { describeCondition, errorCode } from '../../../text/system-error.ts'
import type { Reporter } from '../../../io.ts'
import type { Cloud, CloudSettings } from '../cloud.ts'
import { nounOf } from '../inventory.ts'
import { writePrivateFile } from '../../storage/private-file.ts'
import { saveCloud, type SavedCloud, savedCloudSchema } from './saved-cloud.ts'
import { findUnreadable } from './unreadable.ts'

/** How long a change may stay in memory if nobody waits for it. */
const delayMs = 200

/** Reads the file; undefined if it does not exist. @throws LabError if it is damaged or cannot be read */
export async function readSavedCloud(
  path: string,
  settings: Pick<CloudSettings, 'catalogue' | 'face' | 'inventory'>,
): Promise<SavedCloud | undefined> {
  const noun = nounOf(settings)
  let json: unknown
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined
    const why = cause instanceof SyntaxError ? 'it is not JSON' : describeCondition(cause)
    throw new LabError(`cannot read the ${noun}'s state in "${path}": ${why}`, {
      hint: 'move the file away to start without saved devices',
      cause,
    })
  }
  const unreadable = findUnreadable(json, settings)
  if (unreadable !== undefined) {
    throw new LabError(`the ${noun}'s state in "${path}" cannot be used: ${unreadable.why}`, { hint: unreadable.hint })
  }
  const parsed = savedCloudSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const where = parsed.error.issues[0]?.path.join('.') ?? ''
  throw new LabError(
    `cannot read the ${noun}'s state in "${path}": ${where === '' ? 'it has' : `"${where}" has`} an unexpected value`,
    {
      hint: 'move the file away to start without saved devices',
      cause: parsed.error,
    },
  )
}

/** Keeps a cloud in a file. Disposing it saves one last time. */
export class CloudStore implements AsyncDisposable {
  readonly #path: string
  readonly #cloud: Cloud
  readonly #report: Reporter
  #saved = ''
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(path: string, cloud: Cloud, report: Reporter) {
    this.#path = path
    this.#cloud = cloud
    this.#report = report
  }

  /** Records that the cloud has changed; it is saved soon. */
  touch(): void {
    this.#timer ??= setTimeout(() => void this.save().catch(() => {}), delayMs)
  }

  /**
   * Fulfilled once the current state is on disk. Concurrent calls share one write.
   * @throws LabError if the file cannot be written; the failure is also reported
   */
  async save(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    // A running write does not include the newest change; the write that waits for it will.
    this.#next ??= (this.#running ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        this.#running = this.#next
        this.#next = undefined
        return this.#write()
      })
    await this.#next
  }

  async #write(): Promise<void> {
    const text = JSON.stringify(saveCloud(this.#cloud))
    if (text === this.#saved) return
    try {
      await writePrivateFile(this.#path, text)
      this.#saved = text
    } catch (error) {
      const what = `cannot save the state in "${this.#path}": ${describeCondition(error)}`
      this.#report.warn(`${nounOf(this.#cloud.settings)}: ${what}`)
      throw new LabError(what, { cause: error })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A failure has been reported already.
    await this.save().catch(() => {})
  }
}
