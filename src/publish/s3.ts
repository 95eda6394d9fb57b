// A bucket of S3, or of a store that speaks as it does, as a place to publish to.
import { createHash } from 'node:crypto'
import { createDispatcher } from '../http/transport.ts'
import { systemClock } from '../clock.ts'
import type { Context } from '../io.ts'
import { readAwsConfig } from './aws-config.ts'
import { InFlight } from './in-flight.ts'
import { bucketUrl, S3Client } from './s3-client.ts'
import { codeOf, readElement } from './s3-error.ts'
import { BufferPool, splitParts } from './s3-parts.ts'
import type { Digest, Staged, Store } from './store.ts'

/** S3 takes parts from 5 MiB, and 10,000 of them: files of up to 80 GB. */
const partBytes = 2 ** 23
/** All there are, for all files together, being filled or under way. */
const maxParts = 6
/** What is at most kept here until it is put in its place in one request. */
const maxKeptBytes = 2 ** 20
/** Of what stands there under a manifest's name, whatever that is. */
const maxTextBytes = 2 ** 20
/** The longest that giving up may take, and how often it is tried. */
const cleanUpMs = 30_000
const maxAborts = 3

/** What a server says of a file to machines, and to caches in between. */
export function headersOf(name: string): Record<string, string> {
  if (name.endsWith('.ipxe')) return { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' }
  if (name.endsWith('.json')) return { 'content-type': 'application/json', 'cache-control': 'no-cache' }
  // A cache may keep an image but asks each time whether it is still the one: the next push has it under the same name.
  const cacheControl = 'public, max-age=0, must-revalidate, no-transform'
  return { 'content-type': 'application/octet-stream', 'cache-control': cacheControl }
}

/** The objects of a bucket below a prefix. */
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
    // To keys that may not list the bucket S3 says AccessDenied of what does not exist.
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

/** An object on its way: small ones are kept here until they are committed, parts of others are sent meanwhile. */
class S3File implements Staged {
  readonly #client: S3Client
  readonly #key: string
  readonly #pool: BufferPool
  readonly #signal: AbortSignal
  #kept = Buffer.alloc(0)
  #uploadId: string | undefined
  /** Of the parts, in their order. */
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
      // What is under way has ended before the upload is given up: a part that arrives after that would stay, and cost money.
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
    // Whatever ended the run, this is still to be done.
    const signal = AbortSignal.timeout(cleanUpMs)
    const about = { ...this.#writing, query: { uploadId }, expected: [404], signal }
    try {
      // A part that arrived meanwhile makes the upload stand on; S3 asks its callers to look (AbortMultipartUpload).
      let status = 0
      for (let tries = 0; status !== 404 && tries < maxAborts; tries++) {
        await this.#client.call({ ...about, method: 'DELETE' })
        status = (await this.#client.call({ ...about, method: 'GET' })).status
      }
    } catch {
      const label = this.#client.label(this.#key)
      const command = this.#client.abortCommand(this.#key, uploadId)
      this.#client.report.warn(`an unfinished upload of "${label}" stays and costs money; end it with: ${command}`)
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
    // The first of two tries has done it where only its answer was lost.
    if (codeOf(answer) !== undefined && !(await this.#stands())) throw this.#client.refuse(answer, this.#key)
    this.#uploadId = undefined
  }

  /** Whether the object is what its parts make, by the ETag that S3 gives such an object. */
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

/** Opens a bucket with the keys that `env` leads to; nothing is asked of it yet. @throws UsageError where there are none */
export async function openS3Store(
  { bucket, prefix }: { bucket: string; prefix: string },
  {
    endpoint: given,
    env,
    report,
    clock = systemClock,
  }: Pick<Context, 'env' | 'report' | 'clock'> & { endpoint: string | undefined },
): Promise<S3Store> {
  const { keys, region, ...config } = await readAwsConfig(env)
  const endpoint = given ?? config.endpoint
  const url = bucketUrl({ bucket, region, endpoint, addressing: config.addressing })
  const dispatcher = createDispatcher(url, env, clock)
  return new S3Store(new S3Client({ bucket, url, keys, region, dispatcher, clock, report }), prefix)
}
