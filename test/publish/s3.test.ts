import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { connectTo } from '../../src/http/transport.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import { S3Client } from '../../src/publish/s3-client.ts'
import { makeImage } from '../helpers/image.ts'
import { runToEnd, start } from '../helpers/io.ts'
import { createRecorder } from '../helpers/recorder.ts'
import { needsPython } from '../helpers/needs.ts'
import { type Fate, secretKey, startFaultyProxy, startS3Server } from './s3-server.ts'

type Server = Awaited<ReturnType<typeof startS3Server>>

let server: Server
let buckets = 0
const all = ['demo-equinixmetal.ipxe', 'demo-initrd.img', 'demo-kernel', 'demo.json']
const impatient: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 50, signal) }

/** A bucket, an image with an initrd of three parts, and ways to push and to inspect the bucket. */
async function makeWorld({ initrd = randomBytes(20_000_000), through = '' } = {}) {
  const bucket = `boot-${++buckets}`
  const image = await makeImage()
  onTestFinished(() => image[Symbol.asyncDispose]())
  await writeFile(`${image.prefix}-initrd.img`, initrd)
  const env = { AWS_ACCESS_KEY_ID: 'test:writer', AWS_SECRET_ACCESS_KEY: secretKey, METAL_ENDPOINT: server.endpoint }
  const baseUrl = server.publicUrl(bucket)
  const fixed = ['push', 'equinixmetal', '-base-url', baseUrl, '-destination', `s3://${bucket}/a b+`]
  if (through !== '') fixed.push('-endpoint', through)
  const argv = (...flags: string[]) => [...fixed, ...flags, image.prefix]
  const client = new S3Client({
    bucket,
    url: `${server.endpoint}/${bucket}`,
    keys: { accessKeyId: 'test:writer', secretAccessKey: secretKey, origin: 'the test' },
    region: 'us-east-1',
    connections: connectTo(server.endpoint, {}, systemClock),
    clock: systemClock,
    report: createRecorder(),
  })
  onTestFinished(() => client[Symbol.asyncDispose]())
  const list = async (query: Record<string, string>) => {
    const { text } = await client.call({
      method: 'GET',
      key: '',
      query,
      verb: 'read',
      signal: AbortSignal.timeout(60_000),
    })
    return [...text.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key = '']) => key.replace('a b+/', ''))
  }
  const publicUrl = `${server.publicUrl(bucket)}/a%20b%2B`
  return {
    bucket,
    env,
    argv,
    prefix: image.prefix,
    publicUrl,
    push: (...flags: string[]) => runToEnd(argv(...flags), env),
    async pushImpatiently() {
      const { code, texts } = start(argv(), env, impatient)
      return { code: await code, ...texts }
    },
    objects: () => list({}),
    unfinished: () => list({ uploads: '' }),
    fetch: async (name: string) => Buffer.from(await (await fetch(`${publicUrl}/${name}`)).arrayBuffer()),
    etag: async (name: string) => (await client.look(`a b+/${name}`, AbortSignal.timeout(60_000))).headers['etag'],
    verify: async () => (await runToEnd(['verify', publicUrl, 'demo'])).code,
  }
}

/** The same through a proxy that treats each request as `decide` says. */
async function makeFaultyWorld(decide: (method: string, url: string) => Fate) {
  const proxy = await startFaultyProxy(server.endpoint, decide)
  onTestFinished(() => proxy[Symbol.asyncDispose]())
  return await makeWorld({ through: proxy.endpoint })
}

const isPart = (method: string, url: string) => method === 'PUT' && url.includes('partNumber=')
const isCompletion = (method: string, url: string) => method === 'POST' && url.includes('uploadId=')

describe('push to s3:', { ...needsPython('swift.proxy.server'), timeout: 120_000 }, () => {
  beforeAll(async () => {
    server = await startS3Server(...Array.from({ length: 30 }, (_, i) => `boot-${i + 1}`))
  })
  afterAll(() => server[Symbol.asyncDispose]())

  test('writes files that pass verify, and nothing the second time', async () => {
    const { bucket, prefix, push, objects, unfinished, fetch, verify, etag } = await makeWorld()
    expect((await push('--dry-run')).stderr).toContain(`nothing was written to s3://${bucket}/a b+ (--dry-run)`)
    expect(await objects()).toEqual([])
    const { code, stderr } = await push()
    expect([code, stderr]).toEqual([0, expect.stringContaining(`pushed to s3://${bucket}/a b+ for x86_64`)])
    expect(await objects()).toEqual(all)
    expect(await unfinished()).toEqual([])
    expect((await fetch('demo-initrd.img')).equals(await readFile(`${prefix}-initrd.img`))).toBe(true)
    // The ETag of an object made of three parts.
    expect(await etag('demo-initrd.img')).toMatch(/^"[0-9a-f]{32}-3"$/)
    expect(await verify()).toBe(0)
    expect((await push()).stderr.match(/unchanged/g)).toHaveLength(4)
    await writeFile(`${prefix}-kernel`, (await readFile(`${prefix}-kernel`)).fill(1, 2000, 2001))
    expect((await push()).stderr.match(/unchanged/g)).toHaveLength(2)
    expect(await verify()).toBe(0)
  })

  test('sets the headers for machines and caches', async () => {
    const { push, publicUrl } = await makeWorld({ initrd: randomBytes(2_000_000) })
    expect((await push()).code).toBe(0)
    const headers = async (name: string) => {
      const { stdout } = await promisify(execFile)('curl', ['-sSfI', `${publicUrl}/${name}`])
      return ['content-type', 'cache-control', 'content-length'].map(
        (header) => new RegExp(`^${header}: (.*?)\\r?$`, 'im').exec(stdout)?.[1],
      )
    }
    const image = ['application/octet-stream', 'public, max-age=0, must-revalidate, no-transform']
    expect(await headers('demo-kernel')).toEqual([...image, '4096'])
    expect(await headers('demo-initrd.img')).toEqual([...image, '2000000'])
    expect(await headers('demo.json')).toEqual(['application/json', 'no-cache', expect.anything()])
    const script = ['text/plain; charset=utf-8', 'no-cache', expect.anything()]
    expect(await headers('demo-equinixmetal.ipxe')).toEqual(script)
  })

  test('writes decompressed files of any length', async () => {
    const initrd = Buffer.alloc(30_000_000, 'initrd')
    const { push, prefix, fetch, verify } = await makeWorld({ initrd: gzipSync(initrd) })
    const kernel = await readFile(`${prefix}-kernel`)
    await writeFile(`${prefix}-kernel`, gzipSync(kernel))
    expect((await push('-decompress')).code).toBe(0)
    expect((await fetch('demo-kernel')).equals(kernel)).toBe(true)
    expect((await fetch('demo-initrd.img')).equals(initrd)).toBe(true)
    expect(await verify()).toBe(0)
  })

  test('keeps the earlier files, and leaves nothing of a damaged image', async () => {
    const { push, prefix, objects, unfinished, verify } = await makeWorld({ initrd: gzipSync(randomBytes(20_000_000)) })
    expect((await push()).code).toBe(0)
    await writeFile(`${prefix}-initrd.img`, (await readFile(`${prefix}-initrd.img`)).subarray(0, -9))
    const { code, stderr } = await push('-decompress')
    expect([code, stderr]).toEqual([5, expect.stringContaining('is truncated')])
    expect([await objects(), await unfinished()]).toEqual([all, []])
    expect(await verify()).toBe(0)
  })

  test.each<[string, Record<string, string>, RegExp, ...string[]]>([
    [
      'a wrong secret',
      { AWS_SECRET_ACCESS_KEY: 'a-wrong-secret' },
      /403 SignatureDoesNotMatch, request \w[\w-]+\); the secret key of the environment is not that of its access key; copy it again$/m,
    ],
    ['an unknown access key', { AWS_ACCESS_KEY_ID: 'test:nobody' }, /\(403 \w+, request .*\); .* of the environment/],
    [
      'keys that may not write',
      { AWS_ACCESS_KEY_ID: 'test:reader' },
      /403 AccessDenied.*need s3:GetObject, s3:PutObject/,
    ],
    [
      'a wrong region',
      { AWS_REGION: 'eu-west-1' },
      /is in the region us-east-1, not eu-west-1: set AWS_REGION=us-east-1$/m,
    ],
    ['no bucket', {}, /404 NoSuchBucket.*create the bucket "none" first/, '-destination', 's3://none/x'],
    [
      'a missing server',
      { METAL_ENDPOINT: 'http://127.0.0.1:1' },
      /cannot be read: the connection was refused \(127\.0\.0\.1:1\)/,
    ],
  ])('refuses %s in one line, without the secret', async (_, given, message, ...flags) => {
    const { argv, env, objects } = await makeWorld({ initrd: Buffer.from('x') })
    const { code, texts } = start(argv('-vv', ...flags), { ...env, AWS_SESSION_TOKEN: '', ...given }, impatient)
    expect(await code).toBe(5)
    const lines = texts.stderr
      .trimEnd()
      .split('\n')
      .filter((line) => line.startsWith('metalkit: '))
    expect(lines).toEqual([expect.stringMatching(/^metalkit: push: "s3:\/\//)])
    expect(lines[0]).toMatch(message)
    for (const secret of [secretKey, 'a-wrong-secret', 'Signature=']) expect(texts.stderr).not.toContain(secret)
    expect(await objects()).toEqual([])
  })

  test('reports a wrong clock', async () => {
    const { argv, env } = await makeWorld()
    const { code, texts } = start(argv(), env, { ...systemClock, now: () => Date.now() - 3_600_000 })
    expect([await code, texts.stderr]).toEqual([
      5,
      expect.stringMatching(/403 RequestTimeTooSkewed.*; correct this computer's clock\n$/),
    ])
  })

  test('sends a part again if its connection broke', async () => {
    let cuts = 0
    const world = await makeFaultyWorld((method, url) => (isPart(method, url) && cuts++ < 2 ? 'cut' : 'pass'))
    const { code, stderr } = await world.pushImpatiently()
    expect([code, stderr]).toEqual([0, expect.stringContaining('pushed to')])
    expect(cuts).toBeGreaterThan(2)
    expect(await world.verify()).toBe(0)
    expect(await world.unfinished()).toEqual([])
  })

  test('gives up in one line, leaving no unfinished upload, if every part is cut off', async () => {
    const world = await makeFaultyWorld((method, url) => (isPart(method, url) ? 'cut' : 'pass'))
    const { code, stderr } = await world.pushImpatiently()
    expect(code).toBe(5)
    expect(stderr).toMatch(
      /^metalkit: push: "s3:\/\/.*\/demo-initrd.img" cannot be written: the connection was closed before the answer was complete \(.*\); check the network/m,
    )
    expect([await world.objects(), await world.unfinished()]).toEqual([[], []])
  })

  test('says how to end an upload that it could not abort', async () => {
    const world = await makeFaultyWorld((method, url) =>
      isPart(method, url)
        ? 'cut'
        : method === 'DELETE'
          ? { status: 403, text: '<Error><Code>AccessDenied</Code></Error>' }
          : 'pass',
    )
    const { code, stderr } = await world.pushImpatiently()
    expect(code).toBe(5)
    expect(stderr).toMatch(
      /^warning: an unfinished upload of .* costs money; .*: aws s3api abort-multipart-upload --endpoint-url http:\/\/127\.0\.0\.1:\d+ --bucket boot-\d+ --key 'a b\+\/demo-initrd.img' --upload-id \S+$/m,
    )
    expect(await world.unfinished()).toEqual(['demo-initrd.img'])
  })

  test.each([isPart, isCompletion])('leaves no unfinished upload if it is interrupted', async (isHeld) => {
    const reached = new EventEmitter()
    const held = once(reached, 'held')
    const world = await makeFaultyWorld((method, url) => {
      if (!isHeld(method, url)) return 'pass'
      reached.emit('held')
      return 'hold'
    })
    const running = start(world.argv(), world.env)
    await held
    expect(await world.unfinished()).toEqual(['demo-initrd.img'])
    running.interrupt(new Error('stop'))
    expect(await running.code).not.toBe(0)
    expect(await world.unfinished()).toEqual([])
    expect(await world.objects()).not.toContain('demo-equinixmetal.ipxe')
  })

  test('aborts an upload that started during the interrupt', async () => {
    const reached = new EventEmitter()
    const begun = once(reached, 'begun')
    const world = await makeFaultyWorld((method, url) => {
      if (method === 'POST' && url.endsWith('uploads=')) reached.emit('begun')
      return 'pass'
    })
    const running = start(world.argv(), world.env)
    await begun
    running.interrupt(new Error('stop'))
    expect(await running.code).not.toBe(0)
    expect([await world.objects(), await world.unfinished()]).toEqual([[], []])
  })

  test.each<[string, Fate]>([
    ['carried out again', 'pass'],
    ['no longer known', { status: 404, text: '<Error><Code>NoSuchUpload</Code></Error>' }],
  ])('treats a completion with a lost response as done if it is %s', async (_, second) => {
    let completions = 0
    const world = await makeFaultyWorld((method, url) =>
      !isCompletion(method, url) ? 'pass' : completions++ === 0 ? 'lose' : second,
    )
    const { code, stderr } = await world.pushImpatiently()
    expect([code, stderr]).toEqual([0, expect.stringContaining('pushed to')])
    expect(completions).toBe(2)
    expect(await world.verify()).toBe(0)
  })

  test('does not treat an unknown upload without an object as done', async () => {
    const world = await makeFaultyWorld((method, url) =>
      isCompletion(method, url) ? { status: 404, text: '<Error><Code>NoSuchUpload</Code></Error>' } : 'pass',
    )
    const { code, stderr } = await world.pushImpatiently()
    expect([code, stderr]).toEqual([5, expect.stringContaining('(404 NoSuchUpload')])
    expect(await world.unfinished()).toEqual([])
  })

  test('retries a request that the store answers with an error, even with status 200', async () => {
    const text = '<Error><Code>InternalError</Code></Error>'
    const fates: Fate[] = [
      { status: 200, text },
      { status: 503, text: '<Error><Code>SlowDown</Code></Error>' },
    ]
    const world = await makeFaultyWorld((method, url) => (isCompletion(method, url) ? (fates.pop() ?? 'pass') : 'pass'))
    expect((await world.pushImpatiently()).code).toBe(0)
    expect(await world.verify()).toBe(0)
  })
})
