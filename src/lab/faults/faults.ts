// The language of faults, `create:drop-after, get:429 retry-after=1 x3`: what is to go wrong, when, and how often.
import { UsageError } from '../../errors.ts'
import { apiFaults, type SosFault, sosFaults, type Step, steps } from './fault-kinds.ts'

/** A fault that was asked for. */
export interface Fault {
  /** As it was written. */
  text: string
  step: Step
  kind: string
  /** How many requests of the step go well before it. */
  after: number
  /** How many requests of the step it spoils; the default is all. */
  times: number
  /** What a 429 or 503 asks for; undefined is not to ask. */
  retryAfterSeconds: number | undefined
  /** How long the slow ones last; undefined is until the client goes. */
  lastsMs: number | undefined
  /** The request is carried out all the same, so long after its answer; undefined is not to. */
  actMs: number | undefined
}

const form =
  'STEP:KIND [xN] [after=N] [retry-after=SECONDS] [for=MILLISECONDSms] [act=MILLISECONDSms], more of them after a comma'

function listKinds(step: Step): string[] {
  if (step === 'sos') return [...sosFaults]
  return [...apiFaults].filter(([, kind]) => step === 'list' || !('list' in kind)).map(([name]) => name)
}

function parseFault(text: string): Fault {
  const [what = '', ...details] = text.split(/\s+/)
  const [stepName = '', kind = ''] = what.split(':')
  const step = steps.find((one) => one === stepName)
  if (step === undefined) {
    throw new UsageError(`the fault ${JSON.stringify(text)} is at no step that is known`, {
      hint: `write ${form}; steps are ${steps.join(', ')}`,
    })
  }
  const kinds = listKinds(step)
  if (!kinds.includes(kind)) {
    throw new UsageError(`the fault ${JSON.stringify(text)} is of no kind that is known at ${step}`, {
      hint: `kinds are ${kinds.join(', ')}`,
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
      throw new UsageError(`${JSON.stringify(detail)} in the fault ${JSON.stringify(text)} is not known`, {
        hint: `write ${form}`,
      })
    }
  }
  const played = apiFaults.get(kind)
  if (fault.actMs !== undefined && (played === undefined || !('instead' in played))) {
    throw new UsageError(`"act" in the fault ${JSON.stringify(text)} needs a kind that answers instead`, {
      hint: 'the other kinds carry the request out anyway',
    })
  }
  return fault
}

/** Reads faults, any number of them, separated by commas. @throws UsageError saying what is known */
export function parseFaults(text: string): Fault[] {
  const parts = text.split(',').map((part) => part.trim())
  return parts.filter((part) => part !== '').map(parseFault)
}

/** The faults that a lab plays now. */
export class FaultPlan {
  #faults: (Fault & { seen: number; played: number })[] = []

  constructor(faults: readonly Fault[] = []) {
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

  /** The fault for the next request of a step, counted as played. Of several the first that is due. */
  take(step: Step): Fault | undefined {
    const due = this.#faults.filter((fault) => fault.step === step && fault.seen++ >= fault.after)
    const fault = due.find(({ played, times }) => played < times)
    if (fault !== undefined) fault.played++
    return fault
  }

  /** The fault for the next connection to the SOS. */
  takeSos(): SosFault | undefined {
    const fault = this.take('sos')
    return sosFaults.find((kind) => kind === fault?.kind)
  }
}
