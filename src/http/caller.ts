// Calls an API with one account: retries what is safe to repeat, keeps the API's clock, and throws errors written for the user.
import type { z } from 'zod/mini'
import { type Clock, systemClock } from '../clock.ts'
import { abortAfter } from '../deadline.ts'
import { type ApiError, type AuthenticationError, UncertainError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { apiRefusal, type Call, type Dialect, isWholeJson, noAnswer, readAnswer, timeOf } from './answer.ts'
import type { Connections } from './connections.ts'
import { labHeader, temporaryVariable } from './lab-header.ts'
import { decideRetry, reportRetry } from './retry.ts'
import { type ApiAnswer, connectTo, NoAnswerError, send, wholeAnswerMs } from './transport.ts'

/** The surroundings of a caller. */
export interface CallerContext {
  env: Record<string, string | undefined>
  report: Reporter
  /** For waits, deadlines and time-outs; defaults to the system's. */
  clock?: Clock | undefined
}

/** How long to wait, after an interrupt, for the answer to a request that must not be cut off. */
const lastAnswerMs = 10_000

/**
 * The error of the last attempt, if an earlier one may have been carried out. No refusal says that it was not: what the earlier one
 * made may be what has used up the limit or the capacity.
 */
function asUncertain(error: ApiError | AuthenticationError): UncertainError {
  return new UncertainError(error.message, {
    layer: error.layer,
    cause: error,
    ...(error.hint && { hint: error.hint }),
  })
}

/** Calls one API in its dialect. */
export class ApiCaller {
  readonly clock: Clock
  /** True for the API of a lab that ends, with its machines, when its command ends. */
  readonly isTemporary: boolean
  readonly #dialect: Dialect
  readonly #report: Reporter
  readonly #connections: Connections
  #isLab = false
  /** The API's time minus the monotonic clock's, in real milliseconds, at the latest answer. */
  #offsetMs: number | undefined

  constructor(dialect: Dialect, { env, report, clock = systemClock }: CallerContext) {
    this.#dialect = dialect
    this.#report = report
    this.clock = clock
    this.isTemporary = env[temporaryVariable] === dialect.apiUrl
    this.#connections = connectTo(dialect.apiUrl, env, clock)
  }

  /** True once an answer has said that this is the API of a lab, whose machines cost nothing. */
  get isLab(): boolean {
    return this.#isLab
  }

  /** The API's own time, in ms since 1970, from the Date header of its latest answer; before any answer, this computer's. */
  nowMs(): number {
    return this.#offsetMs === undefined ? this.clock.now() : this.#realMs() + this.#offsetMs
  }

  /** The API's own time, in ms since 1970, to the second, by the answer to a call; undefined without a Date header. */
  async readTime(call: Call): Promise<number | undefined> {
    return timeOf(await this.call(call))
  }

  /** Sends a call. @returns the data of its answer @throws what `call` throws, and UncertainError or ApiError for other data */
  async read<S extends z.ZodMiniType>(call: Call, schema: S): Promise<z.infer<S>> {
    return readAnswer(call, await this.call(call), schema, this.#dialect)
  }

  /** Sends a call, and retries it where that is safe. @throws ApiError or AuthenticationError for any answer but 2xx */
  async call(call: Call): Promise<ApiAnswer> {
    // Whether an earlier attempt of a POST may have been carried out.
    let mayBeDone = false
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(call)
      const lost = outcome instanceof NoAnswerError
      const done = !lost && outcome.status >= 200 && outcome.status < 300
      // A truncated answer is worth a retry if that is safe; if the last one is truncated, the error says so.
      const isSafe = call.isRepeatable ?? (call.method !== 'POST' && call.method !== 'PATCH')
      const half = done && isSafe && call.isText !== true && !isWholeJson(outcome.text)
      if (done && !half) return outcome
      if (!lost && outcome.status === 429) call.turnedAway?.note()
      const failure = {
        method: call.method,
        ...(call.isRepeatable === undefined ? {} : { isRepeatable: call.isRepeatable }),
        status: lost || half ? undefined : outcome.status,
        ...(lost || half ? {} : { isTransient: this.#dialect.isTransient?.(outcome) }),
        neverSent: lost && outcome.neverSent,
        headers: lost ? {} : outcome.headers,
      }
      const isHopeless = lost && outcome.untrusted
      const delayMs = isHopeless ? undefined : decideRetry(failure, attempt, this.clock.now(), Math.random())
      if (delayMs === undefined && half) return outcome
      if (delayMs === undefined) {
        const error = lost ? noAnswer(call, outcome, this.#dialect) : apiRefusal(call, outcome, this.#dialect)
        throw mayBeDone ? asUncertain(error) : error
      }
      mayBeDone ||= call.method === 'POST' && (lost ? !outcome.neverSent : outcome.status >= 500)
      const what = lost ? outcome.message : half ? 'the answer is truncated' : `the API answered ${outcome.status}`
      reportRetry(this.#report, `${call.doing}: ${what}`, attempt, delayMs)
      const { signal, lastTry } = call
      const ends = AbortSignal.any([signal, lastTry].filter((source) => source !== undefined))
      await this.clock.sleep(delayMs, ends).catch((error: unknown) => {
        throw mayBeDone
          ? new UncertainError(`${call.doing}: ${what}`, { layer: this.#dialect.layer, cause: error })
          : error
      })
      if (!lost && (await call.turnedAway?.wasDone())) {
        const { layer } = this.#dialect
        throw new UncertainError(`${call.doing}: the API answered ${outcome.status} but carried it out anyway`, {
          layer,
        })
      }
    }
  }

  /** The API's clock runs in real time, whatever this one does. */
  #realMs(): number {
    return this.clock.toRealMs(this.clock.monotonicMs())
  }

  async #attempt(call: Call): Promise<ApiAnswer | NoAnswerError> {
    const { method, path, signal, lastTry, answerTimeoutMs } = call
    const dialect = this.#dialect
    const url = dialect.apiUrl + path
    const body = call.body === undefined ? undefined : JSON.stringify(call.body)
    const headers = {
      accept: 'application/json',
      'user-agent': 'metalkit',
      ...(body === undefined ? {} : { 'content-type': dialect.contentType ?? 'application/json' }),
      ...(await dialect.headersFor({ method, url: new URL(url), body })),
      ...call.headers,
    }
    using patience = lastTry === undefined ? undefined : abortAfter(lastTry, this.clock.toRealMs(lastAnswerMs))
    const outgoing = {
      method,
      headers,
      body,
      signal: patience?.signal ?? signal,
      answerMs: answerTimeoutMs === undefined ? undefined : this.clock.toRealMs(answerTimeoutMs),
      patienceMs: this.clock.toRealMs(wholeAnswerMs),
    }
    try {
      const answer = await send(this.#connections, url, outgoing, this.#report)
      if (answer instanceof NoAnswerError) return answer
      this.#isLab ||= answer.headers[labHeader] !== undefined
      const timeMs = timeOf(answer)
      if (timeMs !== undefined) this.#offsetMs = timeMs - this.#realMs()
      dialect.noteAnswer?.(answer)
      return answer
    } catch (error) {
      if (!patience?.signal.aborted) throw error
      return new NoAnswerError('no answer came before the run was interrupted', error)
    }
  }
}
