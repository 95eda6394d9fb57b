// A server on a free port over a folder in a temp dir, and requests written byte by byte.
import { connect } from 'node:net'
import { type Content, type ServerOptions, startServer } from '../../src/serve/server.ts'

/** The part of a reporter that serving uses; records lines with their level, and events. */
export function keepLines() {
  const lines: string[] = []
  const events: [string, unknown][] = []
  const event = (name: string, fields: unknown) => void events.push([name, fields])
  const at = (level: string) => (line: string) => void lines.push(`${level}: ${line}`)
  return { lines, events, report: { warn: at('warn'), info: at('info'), detail: at('detail'), event } }
}

/** Serves on loopback and records the log. */
export async function serve(content: Content | string, options: Partial<ServerOptions> = {}) {
  const { lines, report } = keepLines()
  const server = await startServer({
    listen: { host: '127.0.0.1', port: 0 },
    content: typeof content === 'string' ? { kind: 'folder', path: content } : content,
    report,
    ...options,
  })
  return Object.assign(server, { lines })
}

/** A parsed response; header names in lower case. */
export interface RawAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/** Sends bytes and returns everything received until the server closes. */
export function exchange(port: number, bytes: string, halfClose = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => (text += chunk))
    socket.on('end', () => {
      socket.destroy()
      resolve(text)
    })
    socket.on('error', reject)
    socket.write(bytes, 'latin1')
    if (halfClose) socket.end()
  })
}

/** Parses the first response in a text. */
export function parseAnswer(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  )
  return { status: Number(first.split(' ')[1]), headers, body: rest.join('\r\n\r\n') }
}

/** Sends one request without passing its target through a URL parser. */
export async function request(
  port: number,
  target: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<RawAnswer> {
  const lines = Object.entries({ Host: 'test', Connection: 'close', ...headers }).map(
    ([name, text]) => `${name}: ${text}\r\n`,
  )
  return parseAnswer(await exchange(port, `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`))
}

/** Waits until a condition holds, checking on each turn of the event loop. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}
