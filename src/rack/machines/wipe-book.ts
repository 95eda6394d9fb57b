// The records of wipes: the stage of each, the script that its machine boots, and the report with which that ends.
import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { RackError } from '../../errors.ts'
import { plainText } from '../../text/plain-text.ts'
import { describeCondition } from '../../text/system-error.ts'
import { isUrl } from '../file/wipe-settings.ts'
import type { RackMachine } from '../file/rack-file.ts'
import type { RackState, WipeRecord } from './rack-state.ts'

/** The stage of a wipe. */
export type WipeStage = WipeRecord['stage']

/** The answer to a report. */
export type ReportOutcome = 'taken' | 'late' | 'unknown'

/** A machine that is to be wiped, or was. */
interface Entry {
  machine: RackMachine
  wipe: WipeRecord
}

/** The parts of the book. */
export interface WipeBookParts {
  machines: readonly RackMachine[]
  state: RackState
  /** The origin of URLs for machines. */
  origin: string
  /** Called after each change of a stage, with the machine's name. */
  onChange: (name: string) => void
}

/** A machine may fetch its script, and report, only at these. */
export const stagesBeforeReport: readonly WipeStage[] = ['due', 'running']
const maxReason = 200

/** Whether a wipe still waits for its report. */
export function isBeforeReport(stage: WipeStage | undefined): boolean {
  return stage !== undefined && stagesBeforeReport.includes(stage)
}

function isSame(key: string, candidate: string): boolean {
  const [own, other] = [Buffer.from(key), Buffer.from(candidate)]
  return own.length === other.length && timingSafeEqual(own, other)
}

/** The wipes of a rack's machines, on disk. */
export class WipeBook {
  readonly #parts: WipeBookParts

  constructor(parts: WipeBookParts) {
    this.#parts = parts
  }

  /** The wipe of a machine. */
  of(name: string): WipeRecord | undefined {
    return this.#parts.state.of(name).wipe
  }

  /** Takes a machine over from its device. */
  async open({ name }: RackMachine, device: string): Promise<void> {
    const wipe: WipeRecord = { id: randomUUID(), key: randomBytes(16).toString('hex'), device, stage: 'due' }
    await this.#parts.state.change(name, { holder: wipe.id, wipe })
  }

  /** Changes a wipe that is at one of these stages. @returns whether it was */
  async advance({ name }: RackMachine, from: readonly WipeStage[], changes: Partial<WipeRecord>): Promise<boolean> {
    const wipe = this.of(name)
    if (wipe === undefined || !from.includes(wipe.stage)) return false
    await this.#parts.state.change(name, { wipe: { ...wipe, ...changes } })
    this.#parts.onChange(name)
    return true
  }

  /** Why no device may have a machine because of its wipe. */
  whyUnusable(name: string): string | undefined {
    const wipe = this.of(name)
    if (wipe === undefined) return undefined
    return {
      due: 'it is about to be wiped',
      running: 'it is being wiped',
      reported: 'it is wiped, and has to be seen off',
      failed: `${wipe.why ?? 'its wipe failed'}; its disks may not be empty: to use it anyway, run metalkit rack release ${name}`,
      released: 'it is released, and has to be seen off',
    }[wipe.stage]
  }

  /** Where the machine of a wipe finds its script. */
  scriptUrl({ id }: WipeRecord): string {
    return `${this.#parts.origin}/boot/wipe/${id}/auto.ipxe`
  }

  /** The script of a machine, with the address of its report. @throws RackError if its file cannot be read */
  async scriptOf({ name, wipe, arch, tty }: RackMachine, { id, key }: WipeRecord): Promise<string> {
    const { script = '' } = wipe ?? {}
    const settings = [
      '#!ipxe',
      `set wipe-report ${this.#parts.origin}/boot/wipe/${id}/${key}`,
      `set wipe-console ${tty ?? (arch === 'aarch64' ? 'ttyAMA0' : 'ttyS1')}`,
    ]
    if (isUrl(script)) return [...settings, `chain --autofree ${script}`, ''].join('\n')
    try {
      return [...settings, await readFile(script, 'utf8')].join('\n')
    } catch (cause) {
      throw new RackError(`the wipe script "${script}" of "${name}" cannot be read: ${describeCondition(cause)}`, {
        cause,
      })
    }
  }

  /** The machine of a wipe, by the wipe's id. */
  find(id: string): Entry | undefined {
    for (const machine of this.#parts.machines) {
      const wipe = this.of(machine.name)
      if (wipe?.id === id) return { machine, wipe }
    }
    return undefined
  }

  /** The machine of a wipe that may fetch its script. */
  findWaiting(id: string): Entry | undefined {
    const entry = this.find(id)
    return entry !== undefined && isBeforeReport(entry.wipe.stage) ? entry : undefined
  }

  /** A machine fetches its script. Returns once that is on disk. */
  async noteFetch(machine: RackMachine): Promise<void> {
    await this.advance(machine, ['due'], { stage: 'running' })
  }

  /** A machine reports that it is empty, or why it is not. Returns once that is on disk. */
  async takeReport(id: string, key: string, failure: string | undefined): Promise<ReportOutcome> {
    const entry = this.find(id)
    if (entry === undefined || !isSame(entry.wipe.key, key)) return 'unknown'
    const { machine, wipe } = entry
    if (failure !== undefined) {
      const why = `its wipe reported a failure: ${plainText(failure).slice(0, maxReason)}`
      return (await this.advance(machine, stagesBeforeReport, { stage: 'failed', why })) ? 'taken' : 'late'
    }
    // A machine whose answer was lost reports again.
    if (wipe.stage === 'reported') return 'taken'
    return (await this.advance(machine, stagesBeforeReport, { stage: 'reported' })) ? 'taken' : 'late'
  }
}
