// OpenStack Swift, which speaks S3 and checks every signature, and a faulty proxy in front of it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { findPython } from '../helpers/needs.ts'
import { close, listen } from '../helpers/port.ts'

/** The secret of both access keys, `test:writer` and `test:reader`. */
export const secretKey = 'not/for+anyone'

/** Starts it with public buckets, at `<endpoint>/v1/AUTH_test/<bucket>`. */
export async function startS3Server(...buckets: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-s3-'))
  const script = join(dirname(fileURLToPath(import.meta.url)), 's3-server.py')
  const python = findPython('swift.proxy.server') ?? 'python3'
  const child = spawn(python, [script, folder, secretKey, ...buckets], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const { value } = await lines.next()
  if (value === undefined) throw new Error('the S3 server did not start')
  const endpoint = `http://127.0.0.1:${value}`
  return {
    endpoint,
    publicUrl: (bucket: string) => `${endpoint}/v1/AUTH_test/${bucket}`,
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit')
      child.stdin.end()
      await exited
      await rm(folder, { recursive: true })
    },
  }
}

/**
 * The fate of a request: it passes; is cut off in the middle of its body; hangs there forever; is carried out but its
 * answer is lost; or is answered with a status and a text.
 */
export type Fate = 'pass' | 'cut' | 'hold' | 'lose' | { status: number; text: string }

/** A proxy in front of a server; `decide` chooses the fate of each request. */
export async function startFaultyProxy(endpoint: string, decide: (method: string, url: string) => Fate) {
  const server = createServer((incoming, answer) => {
    const fate = decide(incoming.method ?? '', incoming.url ?? '')
    if (fate === 'cut' || fate === 'hold') {
      let size = 0
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size < 2 ** 20) return
        if (fate === 'cut') incoming.socket.destroy()
        else incoming.pause()
      })
      incoming.on('error', () => {})
      return
    }
    if (typeof fate === 'object') {
      incoming.resume()
      answer.writeHead(fate.status, { 'content-type': 'application/xml' }).end(fate.text)
      return
    }
    const { method, url = '', headers } = incoming
    const outgoing = request(new URL(url, endpoint), { method, headers }, (reply: IncomingMessage) => {
      if (fate === 'lose') {
        reply.resume()
        incoming.socket.destroy()
        return
      }
      delete reply.headers['transfer-encoding']
      answer.writeHead(reply.statusCode ?? 500, reply.headers)
      reply.pipe(answer)
    })
    // Swift sends the end of a body after an answer to HEAD, which has no body.
    outgoing.on('error', () => {
      if (!answer.headersSent) answer.destroy()
    })
    incoming.on('error', () => outgoing.destroy())
    incoming.pipe(outgoing)
  })
  return {
    endpoint: `http://127.0.0.1:${await listen(server)}`,
    [Symbol.asyncDispose]: () => close(server),
  }
}
