// A fake API with scripted replies, one after the other, for faults that the lab cannot play.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Clock, systemClock } from '../../src/clock.ts'
import { MetalClient } from '../../src/metal/client.ts'
import { open } from '../../src/metal/equinix-metal.ts'
import { close, listen } from './port.ts'
import { createRecorder } from './recorder.ts'

/** A reply of the fake: JSON with a status, or a function that answers. */
export type Reply =
  | { status: number; json?: unknown; text?: string; headers?: Record<string, string> }
  | ((response: ServerResponse) => void)

export interface Seen {
  method: string
  path: string
  body: unknown
}

/** Closes the connection without an answer. */
export const dropped: Reply = (response) => response.destroy()

async function read(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text === '' ? undefined : JSON.parse(text)
}

/** Starts the fake. `script` is called for every request; it may keep state. */
export async function startFakeApi(script: (seen: Seen, all: Seen[]) => Reply) {
  const all: Seen[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await read(request)
    const seen = { method: request.method ?? '', path: (request.url ?? '').replace('/metal/v1', ''), body }
    all.push(seen)
    const reply = script(seen, all)
    if (typeof reply === 'function') return reply(response)
    const text = reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json))
    response.writeHead(reply.status, { 'content-type': 'application/json', 'x-request-id': 'r-1', ...reply.headers })
    response.end(text)
  }
  const server = createServer((request, response) => {
    void answer(request, response)
  })
  const port = await listen(server)
  return {
    apiUrl: `http://127.0.0.1:${port}/metal/v1`,
    all,
    [Symbol.asyncDispose]: () => close(server),
  }
}

/** A clock whose waits take no time; `waits` records the length of each. */
function createInstantClock() {
  const waits: number[] = []
  const clock: Clock = {
    ...systemClock,
    now: () => Date.now() + waits.reduce((sum, ms) => sum + ms, 0),
    monotonicMs: () => performance.now() + waits.reduce((sum, ms) => sum + ms, 0),
    async sleep(ms, signal) {
      waits.push(ms)
      signal?.throwIfAborted()
    },
  }
  return { clock, waits }
}

/** A client whose waits take no time. */
export function createTestClient(apiUrl: string, report = createRecorder()) {
  const { clock, waits } = createInstantClock()
  return { client: new MetalClient({ apiUrl, token: 'sesame', env: {}, report, clock }), waits, report }
}

/** A cloud with this API and the project p-1, whose waits take no time unless there is another clock. */
export async function createTestCloud(apiUrl: string, report = createRecorder(), clock?: Clock) {
  const instant = createInstantClock()
  const cloud = await open(
    { apiUrl, apiKey: 'sesame', projectId: 'p-1' },
    { env: {}, report, clock: clock ?? instant.clock, require: async (_, value) => value ?? '' },
  )
  return { cloud, waits: instant.waits, report }
}
