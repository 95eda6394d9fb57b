// The page of a folder for people: its entries and the booting machines. Works without scripts; with them it updates itself.
import { formatSize } from '../text/byte-size.ts'
import { renderBootRows } from './boot-table.ts'
import type { Boot } from './boots.ts'
import { encodeName, type Entry, escapeHtml, formatDate, showName, sortEntries } from './listing.ts'

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 64rem; padding: 0 1rem }
h1 { font-size: 1.2rem } h2 { font-size: 1rem; margin-top: 2rem }
h1 { margin-bottom: 1rem; overflow-wrap: anywhere } .tool { margin: 0; opacity: .7 } .tool + h1 { margin-top: 0 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top }
th, td + td { white-space: nowrap } td:first-child { overflow-wrap: anywhere } .size { text-align: right }
#boots td:first-child { white-space: nowrap } #boots td:nth-child(n + 3) { white-space: normal }
.failed { color: #c33 } .done { color: #283 } progress { width: 6rem }
@media (max-width: 40rem) {
  body { padding: 0 .5rem } th, td { padding-right: .4rem; font-size: .75rem }
  .boots thead { display: none }
  #boots tr { display: block; border-bottom: 1px solid #8884; padding: .4rem 0 } #boots td { display: block; border: 0; padding: 0 }
  #boots td:first-child { font-weight: 600 } #boots td[colspan] { font-weight: normal; white-space: normal }
  #boots td:nth-child(2)::before { content: 'Last request (UTC) ' } #boots td:nth-child(3)::before { content: 'Script ' }
  #boots td:nth-child(4)::before { content: 'Kernel ' } #boots td:nth-child(5)::before { content: 'Initrd ' }
}
@media (prefers-color-scheme: dark) { .failed { color: #f77 } .done { color: #7c8 } }
`

// The server escapes the rows. EventSource reconnects by itself if the connection is lost.
const script = `
const rows = document.getElementById('boots')
new EventSource(location.pathname).onmessage = (event) => { rows.innerHTML = JSON.parse(event.data) }
`

/** True if the client is a browser: it accepts HTML and calls itself Mozilla, as all browsers do and no boot loader does. */
export function isBrowser(headers: { accept?: string | undefined; 'user-agent'?: string | undefined }): boolean {
  return /\btext\/html\b/i.test(headers.accept ?? '') && /\bMozilla\//.test(headers['user-agent'] ?? '')
}

function renderEntry(entry: Entry): string {
  const slash = entry.folder ? '/' : ''
  const link = `<a href="${encodeName(entry.name)}${slash}">${escapeHtml(showName(entry.name))}${slash}</a>`
  const { sizeBytes } = entry
  const size = entry.folder ? '<td>' : `<td class="size" title="${sizeBytes} bytes">${formatSize(sizeBytes)}`
  return `<tr><td>${link}${size}<td>${formatDate(entry.modifiedMs)}\n`
}

/** The page for a folder: `path` is its URL path below the served folder, whose name is `root`. */
export function renderPage(
  { root, path }: { root: string; path: string },
  entries: readonly Entry[],
  boots: readonly Boot[],
): string {
  const shown = escapeHtml(showName(`${root}${path}`))
  const up = path === '/' ? '' : '<tr><td><a href="../">../</a><td><td>\n'
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${shown} – metalkit</title>
<link rel="icon" href="data:,">
<noscript><meta http-equiv="refresh" content="3"></noscript>
<style>${style}</style>
<p class="tool">Served by metalkit</p>
<h1>${shown}</h1>
<table>
<thead><tr><th>Name<th class="size">Size<th>Changed (UTC)
<tbody>
${up}${sortEntries(entries).map(renderEntry).join('')}</table>
<h2>Machines that boot</h2>
<table class="boots">
<thead><tr><th>Machine<th>Last request (UTC)<th>Script<th>Kernel<th>Initrd
<tbody id="boots">
${renderBootRows(boots)}
</table>
<script>${script}</script>
`
}
