// Answers a request: find the resource, decide the response, send it.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describeCondition } from '../text/system-error.ts'
import type { Reporter } from '../io.ts'
import type { Boots } from './boots.ts'
import type { Finder, LookupResult } from './content.ts'
import { type Decision, answerStatus, decide, refuseRequest } from './decide.ts'
import { sendBoots } from './send-boots.ts'
import { sendFile, type SendOutcome, writeChunks } from './files/send-file.ts'
import type { Transfer } from './transfer.ts'

/** The inputs of a response. */
export interface Sources {
  find: Finder
  boots: Boots
  report: Pick<Reporter, 'warn'>
  /** Aborted when the server closes, to end responses that would go on for ever. */
  closing: AbortSignal
}

const cuts = { sent: undefined, aborted: 'aborted', shrunk: 'file shrank', changed: 'file changed' } as const

/** Sends a response and records its progress. A HEAD gets its headers only. */
async function send(
  response: ServerResponse,
  answer: Decision,
  source: LookupResult['source'],
  transfer: Transfer,
  { boots, closing }: Pick<Sources, 'boots' | 'closing'>,
): Promise<SendOutcome> {
  const body = response.req.method === 'HEAD' ? { kind: 'none' as const } : answer.body
  const onSent = (bytes: number) => {
    transfer.bytes += bytes
  }
  transfer.status = answer.status
  response.writeHead(answer.status, answer.headers)
  transfer.watches = body.kind === 'boots'
  if (body.kind === 'boots') return sendBoots(response, boots, onSent, closing)
  let bytes: Buffer | undefined
  if (body.kind === 'text') bytes = Buffer.from(body.text)
  else if (body.kind === 'bytes' && body.end > body.start) {
    transfer.promisedBytes = body.end - body.start
    if (source !== undefined && !Buffer.isBuffer(source)) return sendFile(response, source, body, onSent)
    bytes = source?.subarray(body.start, body.end)
  }
  transfer.promisedBytes = bytes?.length ?? 0
  if (!(await writeChunks(response, bytes === undefined ? [] : [bytes], true))) return 'aborted'
  onSent(transfer.promisedBytes)
  return 'sent'
}

/** Answers a request; resolves once the response has been sent or has failed, as `transfer` then shows. Never rejects. */
export async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  transfer: Transfer,
  sources: Sources,
  refusal?: Decision,
): Promise<void> {
  const { headers, rawHeaders, httpVersion } = request
  const head = { method: transfer.method, httpVersion, headers, rawHeaders }
  let result: LookupResult | undefined
  try {
    let answer = refusal ?? refuseRequest(head)
    if (answer === undefined) {
      result = await sources.find(transfer.path)
      transfer.why = result.why
      answer = decide(head, result.resource, () => sources.boots.list())
    }
    transfer.cut = cuts[await send(response, answer, result?.source, transfer, sources)]
  } catch (error) {
    const why = describeCondition(error)
    sources.report.warn(`a file could not be read: ${why}`)
    if (response.headersSent) response.destroy()
    else await send(response, answerStatus(500), undefined, transfer, sources)
    transfer.cut = 'failed'
  } finally {
    if (result?.source !== undefined && !Buffer.isBuffer(result.source)) result.source.close()
  }
}

/** Sends a response on a connection for which node:http has no response object, and closes it. */
export function endSocket(socket: Socket, answer: Decision): void {
  const body = answer.body.kind === 'text' ? answer.body.text : ''
  const headers = Object.entries({ ...answer.headers, Date: new Date().toUTCString(), Connection: 'close' })
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${body.trimEnd()}\r\n${lines}\r\n${body}`, () => socket.destroySoon())
}
