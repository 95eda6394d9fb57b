// The syntax of faults, `create:drop-after, get:429 retry-after=1 x3`: what goes wrong, when, and how often.
import { UsageError } from '../../errors.ts'
import { type FaultDialect, type SosFault, sosFaults } from './dialect.ts'
import { metalFaults } from './fault-kinds.ts'

/** A requested fault. */
export interface Fault {
  /** The fault as the user wrote it. */
  text: string
  step: string
  kind: string
  /** How many requests of the step succeed before it. */
  after: number
  /** How many requests of the step it affects; by default all. */
  times: number
  /** The Retry-After of a 429 or 503; without it the header is not sent. */
  retryAfterSeconds: number | undefined
  /** How long a slow answer takes; undefined means until the client disconnects. */
  lastsMs: number | undefined
  /** How long after the answer the request is carried out anyway; undefined means never. */
  actMs: number | undefined
}

const form =
  'STEP:KIND [xN] [after=N] [retry-after=SECONDS] [for=MILLISECONDSms] [act=MILLISECONDSms], separated by commas'

/** The kinds of fault of a step. */
export function listKinds(step: string, { kinds, installing, played = {} }: FaultDialect): string[] {
  if (step === 'sos') return [...sosFaults]
  const own = Object.hasOwn(played, step) ? played[step] : undefined
  if (own !== undefined) return [...own]
  return [...kinds]
    .filter(([, kind]) => (step === 'list' || !('list' in kind)) && (installing.includes(step) || !('plight' in kind)))
    .map(([name]) => name)
}

function parseFault(text: string, dialect: FaultDialect): Fault {
  const [what = '', ...details] = text.split(/\s+/)
  const [stepName = '', kind = ''] = what.split(':')
  const step = dialect.steps.find((name) => name === stepName)
  if (step === undefined) {
    throw new UsageError(`the fault ${JSON.stringify(text)} has an unknown step`, {
      hint: `write ${form}; the steps are ${dialect.steps.join(', ')}`,
    })
  }
  const kinds = listKinds(step, dialect)
  if (!kinds.includes(kind)) {
    throw new UsageError(`the fault ${JSON.stringify(text)} has an unknown kind for the step ${step}`, {
      hint: `the kinds are ${kinds.join(', ')}`,
    })
  }
  const fault: Fault = {
    text,
    step,
    kind,
    after: 0,
    times: Infinity,
    retryAfterSeconds: undefined,
    lastsMs: undefined,
    actMs: undefined,
  }
  for (const detail of details) {
    const match =
      /^(?:x(?<times>\d+)|after=(?<after>\d+)|retry-after=(?<retry>\d+)|for=(?<lasts>\d+)ms|act=(?<act>\d+)ms)$/.exec(
        detail,
      )
    const { times, after, retry, lasts, act } = match?.groups ?? {}
    if (times !== undefined) fault.times = Number(times)
    else if (after !== undefined) fault.after = Number(after)
    else if (retry !== undefined) fault.retryAfterSeconds = Number(retry)
    else if (lasts !== undefined) fault.lastsMs = Number(lasts)
    else if (act !== undefined) fault.actMs = Number(act)
    else {
      throw new UsageError(`the fault ${JSON.stringify(text)} has the unknown option ${JSON.stringify(detail)}`, {
        hint: `write ${form}`,
      })
    }
  }
  const played = dialect.kinds.get(kind)
  if (fault.actMs !== undefined && (played === undefined || !('instead' in played))) {
    throw new UsageError(`"act" in the fault ${JSON.stringify(text)} needs a kind that answers instead`, {
      hint: 'the other kinds carry the request out anyway',
    })
  }
  return fault
}

/** Parses any number of faults of an API, by default the Metal API, separated by commas. @throws UsageError that lists the valid values */
export function parseFaults(text: string, dialect: FaultDialect = metalFaults): Fault[] {
  const parts = text.split(',').map((part) => part.trim())
  return parts.filter((part) => part !== '').map((part) => parseFault(part, dialect))
}

/** Calls a function after some milliseconds. */
export type Later = (ms: number, act: () => void) => void

const afterRealTime: Later = (ms, act) => void setTimeout(act, ms).unref()

/** The current faults of a lab. */
export class FaultPlan {
  /** For requests that are carried out after their answer. */
  readonly later: Later
  #faults: (Fault & { seen: number; played: number })[] = []

  constructor(faults: readonly Fault[] = [], later: Later = afterRealTime) {
    this.later = later
    this.set(faults)
  }

  /** Replaces all faults. */
  set(faults: readonly Fault[]): void {
    this.#faults = faults.map((fault) => ({ ...fault, seen: 0, played: 0 }))
  }

  /** The faults and how often each has been played. */
  list(): { fault: string; played: number }[] {
    return this.#faults.map(({ text, played }) => ({ fault: text, played }))
  }

  /** Takes the fault for the next request of a step, and counts it as played. If several are due, the first is taken. */
  take(step: string): Fault | undefined {
    const due = this.#faults.filter((fault) => fault.step === step && fault.seen++ >= fault.after)
    const fault = due.find(({ played, times }) => played < times)
    if (fault !== undefined) fault.played++
    return fault
  }

  /** Takes the fault for the next connection to the SOS. */
  takeSos(): SosFault | undefined {
    const fault = this.take('sos')
    return sosFaults.find((kind) => kind === fault?.kind)
  }
}
