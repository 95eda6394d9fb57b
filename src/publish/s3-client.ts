// Requests to S3 and compatible stores: signed (Signature Version 4), sent, and retried if that is safe.
import { createHash } from 'node:crypto'
import { sign } from 'aws4'
import { PublishError } from '../errors.ts'
import { decideRetry, reportRetry } from '../http/retry.ts'
import type { Connections } from '../http/connections.ts'
import { type ApiAnswer, NoAnswerError, type Outgoing, send } from '../http/transport.ts'
import type { Clock } from '../clock.ts'
import type { Reporter } from '../io.ts'
import { quoteWord } from '../text/shell-word.ts'
import type { AwsKeys } from './aws-config.ts'
import { codeOf, s3Refusal } from './s3-error.ts'

/** The bucket, and the keys to use. */
export interface S3Options {
  bucket: string
  /** The bucket's URL, without a trailing slash. */
  url: string
  keys: AwsKeys
  region: string
  connections: Connections
  clock: Clock
  report: Reporter
}

/** A request about an object. */
export interface S3Call {
  method: Outgoing['method']
  key: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: Buffer
  /** The verb for errors: it cannot be `read`, `written`. */
  verb: string
  /** True for a POST that is harmless if sent twice. */
  repeatable?: boolean
  /** True if the response is awaited even after an abort: an upload must be known to be aborted. */
  patient?: boolean
  /** Refusals that count as answers. */
  expected?: readonly (number | string)[]
  signal: AbortSignal
}

/** Escapes all but the unreserved characters of RFC 3986, as the signature requires. */
export function encodePath(path: string): string {
  return encodeURIComponent(path)
    .replaceAll('%2F', '/')
    .replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

/**
 * The URL of a bucket. AWS puts the bucket in the host name, unless a dot in it would not match the certificate; other stores
 * put it in the path, unless addressing_style of the AWS profile says otherwise.
 */
export function bucketUrl(place: {
  bucket: string
  region: string
  endpoint: string | undefined
  addressing?: string
}): string {
  const { bucket, region, endpoint, addressing = 'auto' } = place
  const store = new URL(endpoint ?? `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`)
  const fits = !/[^a-z0-9-]/.test(bucket) && !/^[\d.]+$|^\[/.test(store.hostname)
  const inHost = addressing === 'virtual' || (addressing === 'auto' && endpoint === undefined)
  if (inHost && fits) return `${store.protocol}//${bucket}.${store.host}${store.pathname.replace(/\/+$/, '')}`
  return `${endpoint ?? store.origin}/${encodePath(bucket)}`
}

/** Temporary refusals: the body did not arrive intact or in time. */
const passing = new Set(['RequestTimeout', 'BadDigest', 'XAmzContentSHA256Mismatch', 'IncompleteBody'])

/** A client for the objects of one bucket. Disposing it closes its connections. */
export class S3Client implements AsyncDisposable {
  readonly bucket: string
  readonly #options: S3Options

  constructor(options: S3Options) {
    this.#options = options
    this.bucket = options.bucket
  }

  get report(): Reporter {
    return this.#options.report
  }

  /** `s3://bucket/key`, for people. */
  label(key: string): string {
    return `s3://${this.bucket}/${key}`
  }

  /** Sends a call until it is answered. @throws PublishError for an unexpected refusal, the signal's reason */
  async call(call: S3Call): Promise<ApiAnswer> {
    const { clock, report } = this.#options
    const label = this.label(call.key)
    for (let attempt = 1; ; attempt++) {
      call.signal.throwIfAborted()
      const outcome = await this.#attempt(call)
      const lost = outcome instanceof NoAnswerError
      const code = lost ? undefined : codeOf(outcome)
      if (!lost && outcome.status < 300 && code === undefined) return outcome
      if (!lost && (call.expected?.includes(outcome.status) || call.expected?.includes(code ?? ''))) return outcome
      // A response that started before the outcome was known (CompleteMultipartUpload) is 200 even if it carries an error.
      const status = lost || passing.has(code ?? '') ? undefined : outcome.status < 300 ? 500 : outcome.status
      const failure = {
        method: call.repeatable === true ? 'PUT' : call.method,
        // SlowDown and ServiceUnavailable mean that nothing has been done.
        status: status === 503 ? 429 : status,
        neverSent: lost ? outcome.neverSent : passing.has(code ?? ''),
        headers: lost ? {} : outcome.headers,
      }
      const isHopeless = lost && outcome.untrusted
      const delayMs = isHopeless ? undefined : decideRetry(failure, attempt, clock.now(), Math.random())
      if (delayMs === undefined) {
        if (!lost) throw this.refuse(outcome, call.key, call.verb)
        throw new PublishError(
          `"${label}" cannot be ${call.verb}: ${outcome.message} (${new URL(this.#options.url).host})`,
          {
            hint: 'check the network, the bucket and --endpoint',
            cause: outcome,
          },
        )
      }
      const problem = lost ? outcome.message : `the store answered ${outcome.status} ${code ?? ''}`.trimEnd()
      reportRetry(report, `"${label}": ${problem}`, attempt, delayMs)
      await clock.sleep(delayMs, call.signal)
    }
  }

  /** The metadata of an object; 403 or 404 if no object is visible. */
  async look(key: string, signal: AbortSignal): Promise<ApiAnswer> {
    return await this.call({ method: 'HEAD', key, verb: 'checked', expected: [403, 404], signal })
  }

  /** An error that explains a response to the user. */
  refuse(answer: ApiAnswer, key: string, verb = 'written'): PublishError {
    const { bucket, region, keys } = this.#options
    return s3Refusal(verb, answer, { label: this.label(key), bucket, region, origin: keys.origin })
  }

  /** Returns a value that a good response must contain. @throws PublishError if it is missing */
  demand(answer: ApiAnswer, key: string, value: string | undefined): string {
    if (value !== undefined && value !== '') return value
    throw this.refuse(answer, key)
  }

  /** The command that ends an upload by hand. */
  abortCommand(key: string, uploadId: string): string {
    const { bucket, url } = this.#options
    const { origin, hostname } = new URL(url)
    const endpoint = /\.amazonaws\.com(\.cn)?$/.test(hostname) ? '' : ` --endpoint-url ${quoteWord(origin)}`
    const upload = `--bucket ${quoteWord(bucket)} --key ${quoteWord(key)} --upload-id ${quoteWord(uploadId)}`
    return `aws s3api abort-multipart-upload${endpoint} ${upload}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.connections.close()
  }

  /** Signs a request anew for each attempt: a signature is valid for 15 minutes. */
  async #attempt(call: S3Call): Promise<ApiAnswer | NoAnswerError> {
    const { method, key, query = {}, headers = {}, body } = call
    const { keys, region, report, connections, clock } = this.#options
    const url = new URL(`${this.#options.url}/${encodePath(key)}`)
    url.search = new URLSearchParams(query).toString()
    const signed = sign(
      {
        service: 's3',
        region,
        method,
        host: url.host,
        path: url.pathname + url.search,
        headers: {
          ...headers,
          'x-amz-content-sha256': createHash('sha256')
            .update(body ?? '')
            .digest('hex'),
          'x-amz-date': new Date(clock.now()).toISOString().replaceAll(/[:-]|\.\d{3}/g, ''),
        },
      },
      keys,
    )
    const signal = call.patient === true ? undefined : call.signal
    const outgoing = { method, headers: textsOf(signed.headers), body, signal }
    return await send(connections, `${url.origin}${signed.path ?? ''}`, outgoing, report)
  }
}

function textsOf(headers: Record<string, unknown> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]))
}
