// A rack's memory of its machines from one start to the next: the device that has each, its refusal, and its release.
// It is on disk before anything that depends on it happens to a machine.
import { createHash } from 'node:crypto'
import { readFile, realpath } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { RackError } from '../../errors.ts'
import { describeCondition, errorCode } from '../../text/system-error.ts'
import { tryLock } from '../../lab/storage/file-lock.ts'
import type { MachineIdentity } from '../power/power.ts'
import { writePrivateFile } from '../../lab/storage/private-file.ts'
import { prepareStateFolder } from '../../lab/storage/state-folder.ts'

/** The wipe of a machine that a device gave back. */
export interface WipeRecord {
  /** Names it in URLs. */
  id: string
  /** What its report has to show. */
  key: string
  /** The id of the device that gave the machine back. */
  device: string
  /** `due`: the machine has not fetched its script; `running`: it has; `reported`, `failed` and `released`: it is, or is to be switched, off. */
  stage: 'due' | 'running' | 'reported' | 'failed' | 'released'
  /** When the time for its report is over, in milliseconds since 1970. */
  endMs?: number | undefined
  /** Why it failed. */
  why?: string | undefined
}

/** The record of a machine; empty at first. */
export interface RackRecord {
  /** The id of the device that has it, from before its first power action until it is free; or that of its wipe. */
  holder?: string | undefined
  /** Whose BMC it was when the device took it. */
  identity?: MachineIdentity | undefined
  /** It is held until this is over. */
  wipe?: WipeRecord | undefined
  /** The user has said that it may be switched off and used; until a device takes it. */
  isReleased?: boolean | undefined
  /** Why no device may have it until the user releases it. */
  refusal?: string | undefined
  /** The last word of a person about a machine that only hands can switch. */
  power?: 'on' | 'off' | undefined
}

interface SavedState {
  version: 1
  /** The rack's file, for people. */
  file: string
  machines: Record<string, RackRecord>
}

/** Where the state of a rack's file is. It belongs to the file, whatever name the rack is started with. */
export interface StatePlace {
  /** The rack's file, with links followed. */
  file: string
  path: string
}

/** Finds the place of a rack file's state, in the folder of all state. */
export async function findStatePlace(stateFolder: string, rackFile: string): Promise<StatePlace> {
  const file = await realpath(rackFile)
  const hash = createHash('sha256').update(file).digest('hex').slice(0, 12)
  return { file, path: join(stateFolder, 'racks', `${basename(file, extname(file))}-${hash}.json`) }
}

function isSavedState(json: unknown): json is SavedState {
  return (
    typeof json === 'object' &&
    json !== null &&
    'version' in json &&
    json.version === 1 &&
    'machines' in json &&
    typeof json.machines === 'object' &&
    json.machines !== null
  )
}

async function readState(path: string): Promise<Record<string, RackRecord>> {
  let why: string
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (isSavedState(json)) return json.machines
    why = 'it was written by another version of metalkit'
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return {}
    why = cause instanceof SyntaxError ? 'it is not JSON' : describeCondition(cause)
  }
  throw new RackError(`cannot read the state of the rack in "${path}": ${why}`, {
    hint: 'move the file away: machines that are on are then refused until you release them',
  })
}

/** The records of a rack's machines, for one process at a time. Disposing it releases the lock. */
export class RackState implements AsyncDisposable {
  readonly #place: StatePlace
  readonly #lock: AsyncDisposable
  readonly #machines: Map<string, RackRecord>
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  private constructor(place: StatePlace, lock: AsyncDisposable, machines: Record<string, RackRecord>) {
    this.#place = place
    this.#lock = lock
    this.#machines = new Map(Object.entries(machines))
  }

  /** Opens the state of a rack file. @throws RackError if another rack uses the file, or the state cannot be read */
  static async open(stateFolder: string, rackFile: string): Promise<RackState> {
    const place = await findStatePlace(stateFolder, rackFile)
    await prepareStateFolder(stateFolder)
    await prepareStateFolder(join(stateFolder, 'racks'))
    const lock = await tryLock(`${place.path}.lock`)
    if (lock.state === 'held') {
      const where = lock.holder === undefined ? 'in another container' : `as process ${lock.holder}`
      throw new RackError(`a rack with the file "${place.file}" is already running, ${where}`, {
        hint: 'two racks must not share machines; metalkit lab status lists what runs, and metalkit lab stop --name NAME ends it',
      })
    }
    try {
      return new RackState(place, lock, await readState(place.path))
    } catch (error) {
      await lock[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The record of a machine. */
  of(name: string): Readonly<RackRecord> {
    return this.#machines.get(name) ?? {}
  }

  /** The machine that a device has, or a wipe. */
  machineOf(deviceId: string): string | undefined {
    return [...this.#machines].find(([, { holder }]) => holder === deviceId)?.[0]
  }

  /** Changes the record of a machine. Fulfilled once the change is on disk. @throws RackError if it cannot be written */
  async change(name: string, changes: Partial<RackRecord>): Promise<void> {
    const before = this.of(name)
    this.#machines.set(name, { ...before, ...changes })
    try {
      await this.#save()
    } catch (cause) {
      this.#machines.set(name, before)
      throw new RackError(`cannot save the state of the rack in "${this.#place.path}": ${describeCondition(cause)}`, {
        hint: 'nothing was done to the machine; make room on the disk, or set XDG_STATE_HOME to a folder of yours',
        cause,
      })
    }
  }

  /** Changes that wait for a running write share the next one: it has all machines. */
  async #save(): Promise<void> {
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#running = this.#next ?? this.#running
        this.#next = undefined
        return this.#write()
      })
    await this.#next
  }

  async #write(): Promise<void> {
    const machines = Object.fromEntries(this.#machines)
    await writePrivateFile(this.#place.path, JSON.stringify({ version: 1, file: this.#place.file, machines }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#next ?? this.#running).catch(() => {})
    await this.#lock[Symbol.asyncDispose]()
  }
}
