// A folder as a page: names as links, folders with a slash, sizes. Plain enough for curl and wget -r.

/** An entry of a folder; a folder has no size. */
export interface Entry {
  name: string
  folder: boolean
  sizeBytes: number
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' }

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => escapes[char] ?? char)
}

/** A name as a relative link. The colon is encoded as well, so that `a:b` is not taken for a scheme. */
export function encodeName(name: string): string {
  return encodeURIComponent(name)
}

/** The greatest of many numbers, more than could be spread as arguments; 0 of none. */
function greatest(numbers: number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0)
}

/** The page for a folder, its entries sorted by the bytes of their names. */
export function renderListing(path: string, entries: readonly Entry[]): string {
  const rows = entries
    .map((entry) => ({ ...entry, bytes: Buffer.from(entry.name), shown: entry.folder ? `${entry.name}/` : entry.name }))
    .toSorted((a, b) => Buffer.compare(a.bytes, b.bytes))
  const nameWidth = Math.min(60, greatest(rows.map((row) => row.shown.length)))
  const sizeWidth = greatest(rows.map((row) => String(row.sizeBytes).length))
  const lines = rows.map((row) => {
    const href = `${encodeName(row.name)}${row.folder ? '/' : ''}`
    const gap = ' '.repeat(Math.max(0, nameWidth - row.shown.length) + 2)
    const size = row.folder ? '' : `${gap}${String(row.sizeBytes).padStart(sizeWidth)}`
    // A control character, a line end above all, would break the table.
    const shown = escapeHtml(row.shown.replaceAll(/\p{Cc}/gu, '\u{fffd}'))
    return `<a href="${href}">${shown}</a>${size}\n`
  })
  return `<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(path)}</title>
<pre>
${lines.join('')}</pre>
`
}
