// Streams the booting machines to a page as server-sent events (WHATWG HTML, section 9.2).
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { renderBootRows } from './boot-table.ts'
import type { Boots } from './boots.ts'
import { type SendOutcome, writeChunks } from './files/send-file.ts'

const periodMs = 500
/** A comment is sent after this much silence, so that an idle connection is not taken for a dead one. */
const silenceMs = 15_000

/** Sends the table's rows whenever they have changed, until the client leaves or `closing` is aborted. */
export async function sendBoots(
  response: ServerResponse,
  boots: Boots,
  onSent: (bytes: number) => void,
  closing: AbortSignal,
): Promise<SendOutcome> {
  let last = ''
  let lastMs = performance.now()
  while (!closing.aborted && !response.destroyed) {
    const rows = renderBootRows(boots.list())
    if (rows !== last || performance.now() - lastMs > silenceMs) {
      const bytes = Buffer.from(rows === last ? ':\n\n' : `data: ${JSON.stringify(rows)}\n\n`)
      if (!(await writeChunks(response, [bytes], false))) return 'sent'
      onSent(bytes.length)
      last = rows
      lastMs = performance.now()
    }
    await sleep(periodMs, undefined, { signal: closing }).catch(() => {})
  }
  response.end()
  // A closed page has received everything it wanted.
  return 'sent'
}
