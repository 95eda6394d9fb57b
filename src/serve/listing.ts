// A folder listing: names as links, folders with a slash, dates and sizes. Plain enough for curl and wget -r.
import { replaceControls } from '../text/plain-text.ts'

/** An entry of a folder; a folder has no size. */
export interface Entry {
  name: string
  folder: boolean
  sizeBytes: number
  modifiedMs: number
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' }

/** Escapes text for HTML, including attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => escapes[char] ?? char)
}

/** A name as a relative link. The colon is encoded too, so that `a:b` is not taken for a scheme. */
export function encodeName(name: string): string {
  return encodeURIComponent(name)
}

/** The maximum of more numbers than can be spread as arguments; 0 if there are none. */
function greatest(numbers: number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0)
}

/** A name as displayed: control characters, line ends above all, would break the table. */
export function showName(name: string): string {
  return replaceControls(name, '\u{fffd}')
}

/** `2026-03-01 12:00`, in UTC. */
export function formatDate(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? '' : date.toISOString().slice(0, 16).replace('T', ' ')
}

/** Sorts entries by the bytes of their names. */
export function sortEntries(entries: readonly Entry[]): Entry[] {
  return entries
    .map((entry) => ({ entry, bytes: Buffer.from(entry.name) }))
    .toSorted((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ entry }) => entry)
}

/** The listing of a folder for machines and for people with curl. */
export function renderListing(path: string, entries: readonly Entry[]): string {
  const rows = sortEntries(entries).map((entry) => ({ ...entry, shown: `${entry.name}${entry.folder ? '/' : ''}` }))
  const nameWidth = Math.min(60, greatest(rows.map((row) => row.shown.length)))
  const sizeWidth = greatest(rows.map((row) => (row.folder ? 0 : String(row.sizeBytes).length)))
  const lines = rows.map((row) => {
    const href = `${encodeName(row.name)}${row.folder ? '/' : ''}`
    const gap = ' '.repeat(Math.max(0, nameWidth - row.shown.length) + 2)
    const size = row.folder ? '' : `  ${String(row.sizeBytes).padStart(sizeWidth)}`
    return `<a href="${href}">${escapeHtml(showName(row.shown))}</a>${gap}${formatDate(row.modifiedMs)}${size}\n`
  })
  return `<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(path)}</title>
<pre>
${lines.join('')}</pre>
`
}
