// The line that is logged for each request. What clients send is shown so that it cannot steer a terminal.

/** A request that has ended. */
export interface Served {
  at: Date
  /** Address of the client; '' if it is no longer known. */
  client: string
  method: string
  /** The request target as it was sent. */
  path: string
  status: number
  /** Bytes of the body that the system took. */
  bytes: number
  ms: number
  /** Why the client did not get all of it. */
  cut?: 'aborted' | 'stalled' | 'file shrank' | 'file changed' | 'failed'
}

const longestPath = 300

/** Text of a client with control characters and bytes beyond ASCII written as \xNN, and cut to a bearable length. */
export function escapeText(text: string): string {
  const short = text.length > longestPath ? `${text.slice(0, longestPath)}…` : text
  return short.replaceAll(
    /[^\u0020-\u005b\u005d-\u007e…]|\\/g,
    (char) => `\\x${(char.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`,
  )
}

/** `14:03:59 192.0.2.7 GET /linuxkit-kernel 200 8388608 bytes 41 ms`, in local time. */
export function formatServed(served: Served): string {
  const time = [served.at.getHours(), served.at.getMinutes(), served.at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':')
  const client = served.client.replace(/^::ffff:(?=\d+\.)/i, '') || '-'
  const line = `${time} ${client} ${escapeText(served.method)} ${escapeText(served.path)} ${served.status}`
  const cut = served.cut === undefined ? '' : ` (${served.cut})`
  return `${line} ${served.bytes} bytes ${Math.round(served.ms)} ms${cut}`
}
