// The log line for each request. Text from clients is escaped so that it cannot control a terminal.
import type { Transfer } from './transfer.ts'

const maxPathLength = 300

/** Text from a client, with control characters and non-ASCII bytes written as \xNN, and cut to a bearable length. */
export function escapeText(text: string): string {
  const escaped = text
    .slice(0, maxPathLength)
    .replaceAll(
      /[^\u0020-\u005b\u005d-\u007e]/g,
      (char) => `\\x${(char.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`,
    )
  return text.length > maxPathLength ? `${escaped}...` : escaped
}

/** `14:03:59 192.0.2.7 GET /linuxkit-kernel 200 8388608 bytes 41 ms`, in local time. */
export function formatTransfer(transfer: Transfer): string {
  const { at, client, method, path, status, bytes, startedMs, endedMs } = transfer
  const note = transfer.cut ?? transfer.why
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
  const ms = Math.round((endedMs ?? performance.now()) - startedMs)
  const line = `${time} ${client || '-'} ${escapeText(method)} ${escapeText(path)} ${status}`
  return `${line} ${bytes} bytes ${ms} ms${note === undefined ? '' : ` (${note})`}`
}
