// Progress of a booting machine: in a terminal one rewritten line, elsewhere a line for each change.
import type { Reporter } from '../../io.ts'
import { describeEvent, describeProgress, type Observation, percentageOf } from '../../machine/follow.ts'
import { renderElapsed } from '../../text/duration.ts'
import { renderBar } from '../shared/transfer-line.ts'

/** The live line: `provisioning [########------------] 40% 1m05s Network configured`. */
export function renderProgress(look: Observation, elapsedMs: number): string {
  const percentage = percentageOf(look.machine)
  return [
    look.machine.state,
    percentage === undefined ? '' : renderBar(percentage),
    renderElapsed(elapsedMs),
    describeEvent(look.newest),
  ]
    .filter((part) => part !== '')
    .join(' ')
}

/** Shows a machine's progress until the console prints; from then on only with -v, so that it does not garble the console. */
export class Progress implements Disposable {
  readonly #report: Reporter
  readonly #startedMs = Date.now()
  readonly #ticker: NodeJS.Timeout | undefined
  #look: Observation | undefined
  #told = ''
  #silent = false

  constructor(report: Reporter) {
    this.#report = report
    if (report.live) this.#ticker = setInterval(() => this.#draw(), 1000)
  }

  /** Shows a new observation of the machine. */
  see(look: Observation): void {
    const { machine, news } = look
    const percentage = percentageOf(machine)
    const line = describeProgress({ machine, newest: undefined })
    const { id, state } = machine
    if (line !== this.#told)
      this.#report.event('state', { id, state, ...(percentage === undefined ? {} : { percentage }) })
    this.#told = line
    for (const { type, body } of news) this.#report.event('event', { id, type, body })
    this.#look = look
    if (this.#silent) this.#report.detail(`machine: ${describeProgress(look)}`)
    else if (this.#report.live) this.#draw()
    else this.#report.progress(`machine: ${describeProgress(look)}`)
  }

  /** Called when the console starts to print: removes the live line permanently. */
  hush(): void {
    if (this.#silent) return
    this.#silent = true
    clearInterval(this.#ticker)
    this.#report.progress('')
  }

  [Symbol.dispose](): void {
    this.hush()
  }

  #draw(): void {
    if (this.#look !== undefined && !this.#silent)
      this.#report.progress(renderProgress(this.#look, Date.now() - this.#startedMs))
  }
}
