// A bucket of S3 or a compatible store, as a store.
import { createHash } from 'node:crypto'
import { connectTo } from '../http/transport.ts'
import { systemClock } from '../clock.ts'
import type { Context } from '../io.ts'
import { readAwsConfig } from './aws-config.ts'
import { InFlight } from './parallel.ts'
import { bucketUrl, S3Client } from './s3-client.ts'
import { codeOf, readElement } from './s3-error.ts'
import { BufferPool, splitParts } from './s3-parts.ts'
import type { Digest, Staged, Store } from './store.ts'

/** S3 accepts up to 10,000 parts of at least 5 MiB; parts of this size allow files of up to 80 GB. */
const partBytes = 2 ** 23
/** The number of part buffers for all files together, being filled or sent. */
const maxParts = 6
/** Files up to this size are kept in memory and written in one request. */
const maxKeptBytes = 2 ** 20
/** The longest manifest that is read. */
const maxTextBytes = 2 ** 20
/** The longest that aborting an upload may take, and the number of attempts. */
const cleanUpMs = 30_000
const maxAborts = 3

/** The headers with which a file is served to machines, and to caches in between. */
export function headersOf(name: string): Record<string, string> {
  if (name.endsWith('.ipxe')) return { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' }
  if (name.endsWith('.json')) return { 'content-type': 'application/json', 'cache-control': 'no-cache' }
  // A cache may keep an image but must revalidate it each time: the next push uses the same name.
  const cacheControl = 'public, max-age=0, must-revalidate, no-transform'
  return { 'content-type': 'application/octet-stream', 'cache-control': cacheControl }
}

/** The objects of a bucket under a prefix. */
export class S3Store implements Store {
  readonly resumes = false
  readonly #client: S3Client
  readonly #prefix: string
  readonly #pool = new BufferPool(maxParts, partBytes)

  constructor(client: S3Client, prefix: string) {
    this.#client = client
    this.#prefix = prefix
  }

  async holds(name: string, { size }: Digest, signal: AbortSignal): Promise<boolean> {
    const { status, headers } = await this.#client.look(this.#keyOf(name), signal)
    return status < 300 && headers['content-length'] === String(size)
  }

  async readText(name: string, signal: AbortSignal): Promise<string | undefined> {
    // If the keys may not list the bucket, S3 says AccessDenied for a missing object.
    const expected = ['NoSuchKey', 'AccessDenied', 'InvalidRange']
    const headers = { range: `bytes=0-${maxTextBytes - 1}` }
    const key = this.#keyOf(name)
    const { status, text } = await this.#client.call({ method: 'GET', key, headers, verb: 'read', expected, signal })
    return status < 300 ? text : undefined
  }

  async stage(name: string, { signal }: { signal: AbortSignal }): Promise<Staged> {
    return new S3File(this.#client, this.#keyOf(name), this.#pool, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]()
  }

  #keyOf(name: string): string {
    return this.#prefix === '' ? name : `${this.#prefix}/${name}`
  }
}

/** A staged object: small ones are kept in memory until they are committed, larger ones are uploaded in parts. */
class S3File implements Staged {
  readonly #client: S3Client
  readonly #key: string
  readonly #pool: BufferPool
  readonly #signal: AbortSignal
  #kept = Buffer.alloc(0)
  #uploadId: string | undefined
  /** The ETags of the parts, in order. */
  readonly #etags: string[] = []

  constructor(client: S3Client, key: string, pool: BufferPool, signal: AbortSignal) {
    this.#client = client
    this.#key = key
    this.#pool = pool
    this.#signal = signal
  }

  async write(content: string | AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
    if (typeof content === 'string') {
      this.#kept = Buffer.from(content)
      return
    }
    const flight = new InFlight(maxParts)
    try {
      let number = 0
      for await (const { bytes, more } of splitParts(content, this.#pool)) {
        let sent = false
        try {
          signal.throwIfAborted()
          if (!more && number === 0 && bytes.length <= maxKeptBytes) {
            this.#kept = Buffer.from(bytes)
            return
          }
          this.#uploadId ??= await this.#create(signal)
          const part = ++number
          await flight.start(async () => {
            sent = true
            await this.#send(part, bytes, signal).finally(() => this.#pool.release(bytes))
          })
        } finally {
          if (!sent) this.#pool.release(bytes)
        }
      }
      await flight.finish()
    } catch (error) {
      // Wait for running parts before aborting the upload: a part that arrives later would stay and cost money.
      await flight.finish().catch(() => {})
      throw error
    }
  }

  async commit(): Promise<void> {
    if (this.#uploadId !== undefined) {
      await this.#complete(this.#uploadId)
      return
    }
    const headers = { ...headersOf(this.#key), 'content-md5': md5(this.#kept, 'base64') }
    await this.#client.call({ ...this.#writing, method: 'PUT', headers, body: this.#kept, signal: this.#signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const uploadId = this.#uploadId
    if (uploadId === undefined) return
    this.#uploadId = undefined
    // The upload must be aborted whatever ended the run.
    const signal = AbortSignal.timeout(cleanUpMs)
    const about = { ...this.#writing, query: { uploadId }, expected: [404], signal }
    try {
      // A part that arrived in the meantime keeps the upload alive; S3 asks callers to check (AbortMultipartUpload).
      let status = 0
      for (let tries = 0; status !== 404 && tries < maxAborts; tries++) {
        await this.#client.call({ ...about, method: 'DELETE' })
        status = (await this.#client.call({ ...about, method: 'GET' })).status
      }
    } catch {
      const label = this.#client.label(this.#key)
      const command = this.#client.abortCommand(this.#key, uploadId)
      this.#client.report.warn(`an unfinished upload of "${label}" remains and costs money; end it with: ${command}`)
    }
  }

  get #writing() {
    return { key: this.#key, verb: 'written' }
  }

  async #create(signal: AbortSignal): Promise<string> {
    const query = { uploads: '' }
    const headers = headersOf(this.#key)
    const answer = await this.#client.call({ ...this.#writing, method: 'POST', query, headers, patient: true, signal })
    return this.#client.demand(answer, this.#key, readElement(answer.text, 'UploadId'))
  }

  async #send(part: number, bytes: Buffer, signal: AbortSignal): Promise<void> {
    const answer = await this.#client.call({
      ...this.#writing,
      method: 'PUT',
      query: { partNumber: String(part), uploadId: this.#uploadId ?? '' },
      headers: { 'content-md5': md5(bytes, 'base64') },
      body: bytes,
      signal,
    })
    this.#etags[part - 1] = this.#client.demand(answer, this.#key, answer.headers['etag'])
  }

  async #complete(uploadId: string): Promise<void> {
    const parts = this.#etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`)
    const answer = await this.#client.call({
      ...this.#writing,
      method: 'POST',
      query: { uploadId },
      headers: { 'content-type': 'application/xml' },
      body: Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`),
      repeatable: true,
      expected: ['NoSuchUpload'],
      signal: this.#signal,
    })
    // The first of two attempts succeeded if only its response was lost.
    if (codeOf(answer) !== undefined && !(await this.#stands())) throw this.#client.refuse(answer, this.#key)
    this.#uploadId = undefined
  }

  /** True if the object consists of these parts, judging by the ETag that S3 gives to multipart objects. */
  async #stands(): Promise<boolean> {
    const digests = this.#etags.map((etag) => Buffer.from(etag.replaceAll('"', ''), 'hex'))
    const expected = `"${md5(Buffer.concat(digests), 'hex')}-${digests.length}"`
    const { headers } = await this.#client.look(this.#key, this.#signal)
    return headers['etag'] === expected
  }
}

function md5(bytes: Buffer, encoding: 'base64' | 'hex'): string {
  return createHash('md5').update(bytes).digest(encoding)
}

/** Opens a bucket with the keys that `env` leads to, without any request yet. @throws UsageError if there are no keys */
export async function openS3Store(
  { bucket, prefix }: { bucket: string; prefix: string },
  {
    endpoint: chosenEndpoint,
    env,
    report,
    clock = systemClock,
  }: Pick<Context, 'env' | 'report' | 'clock'> & { endpoint: string | undefined },
): Promise<S3Store> {
  const { keys, region, ...config } = await readAwsConfig(env)
  const endpoint = chosenEndpoint ?? config.endpoint
  const url = bucketUrl({ bucket, region, endpoint, addressing: config.addressing })
  const connections = connectTo(url, env, clock)
  return new S3Store(new S3Client({ bucket, url, keys, region, connections, clock, report }), prefix)
}
