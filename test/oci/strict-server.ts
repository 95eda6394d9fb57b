// A small API that is strict: every request is signed as published, and is one of the expected ones, with that query and body.
import { createHash, type KeyObject, verify } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { close, listen } from '../helpers/port.ts'

/** A request as it arrived. */
export interface Arrived {
  method: string
  /** Without the version. */
  path: string
  query: Record<string, string>
  headers: Record<string, string>
  body: unknown
}

/** An answer: JSON, text, or none at all. */
export type Reply = { status?: number; json?: unknown; text?: string; headers?: Record<string, string> } | 'dropped'

async function readText(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

/** Why a request is not signed as published; undefined if it is. */
export function faultOfSignature(
  { method = '', url = '', headers }: IncomingMessage,
  body: string,
  keyId: string,
  publicKey: KeyObject,
): string | undefined {
  const withBody = ['POST', 'PUT', 'PATCH'].includes(method)
  const names = [
    'date',
    '(request-target)',
    'host',
    ...(withBody ? ['content-length', 'content-type', 'x-content-sha256'] : []),
  ]
  const form = /^Signature version="1",headers="([^"]+)",keyId="([^"]+)",algorithm="rsa-sha256",signature="([^"]+)"$/
  const [, signed, id, signature = ''] = form.exec(headers.authorization ?? '') ?? []
  if (signed !== names.join(' ')) return `signs "${signed}"`
  if (id !== keyId) return `is signed by "${id}"`
  if (withBody && headers['x-content-sha256'] !== createHash('sha256').update(body).digest('base64')) return 'digest'
  if (withBody && headers['content-length'] !== String(Buffer.byteLength(body))) return 'length'
  if (!withBody && body !== '') return 'a body that is not signed'
  if (!(Math.abs(Date.parse(headers.date ?? '') - Date.now()) < 300_000)) return `date "${headers.date}"`
  const target = `${method.toLowerCase()} ${url}`
  const lines = names.map((name) => `${name}: ${name === '(request-target)' ? target : String(headers[name])}`)
  const isRight = verify('sha256', Buffer.from(lines.join('\n')), publicKey, Buffer.from(signature, 'base64'))
  return isRight ? undefined : 'signature'
}

/** Starts it. `answer` gets each request; what it does not know it must refuse by throwing. */
export async function startStrictServer(
  account: { keyId: string; publicKey: KeyObject },
  answer: (request: Arrived, all: readonly Arrived[]) => Reply,
) {
  const all: Arrived[] = []
  const faults: string[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const text = await readText(request)
      const fault = faultOfSignature(request, text, account.keyId, account.publicKey)
      const url = new URL(request.url ?? '', 'http://api')
      const isVersioned = url.pathname.startsWith('/20160918/')
      if (fault !== undefined || !isVersioned) {
        faults.push(`${request.method} ${request.url}: ${fault ?? 'no version'}`)
        response.writeHead(401, { 'content-type': 'application/json' })
        return response.end(
          '{"code":"NotAuthenticated","message":"The required information was not provided or was incorrect."}',
        )
      }
      const arrived: Arrived = {
        method: request.method ?? '',
        path: url.pathname.replace('/20160918', ''),
        query: Object.fromEntries(url.searchParams),
        headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
        body: text === '' ? undefined : JSON.parse(text),
      }
      all.push(arrived)
      const reply = answer(arrived, all)
      if (reply === 'dropped') return response.destroy()
      const { status = 200, json, headers = {} } = reply
      response.writeHead(status, { 'opc-request-id': 'REQ/1', 'content-type': 'application/json', ...headers })
      return response.end(reply.text ?? (json === undefined ? '' : JSON.stringify(json)))
    })()
  })
  const port = await listen(server)
  return { apiUrl: `http://127.0.0.1:${port}`, all, faults, [Symbol.asyncDispose]: () => close(server) }
}
