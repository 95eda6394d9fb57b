// The page of a folder for people: what is there, and the machines that boot. Works without scripts; with them it keeps itself up to date.
import { renderBootRows } from './boot-table.ts'
import type { Boot } from './boots.ts'
import { encodeName, type Entry, escapeHtml, formatDate, showName, sortEntries } from './listing.ts'

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 64rem; padding: 0 1rem }
h1 { font-size: 1.2rem } h2 { font-size: 1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; white-space: nowrap }
td:first-child { white-space: normal; overflow-wrap: anywhere } #boots td { white-space: nowrap } .size { text-align: right }
.failed { color: #c33 } .done { color: #283 } progress { width: 6rem }
@media (max-width: 40rem) {
  body { padding: 0 .5rem } th, td { padding-right: .4rem; font-size: .75rem } progress { display: block; width: 4rem }
  th, #boots td { white-space: normal }
}
@media (prefers-color-scheme: dark) { .failed { color: #f77 } .done { color: #7c8 } }
`

// The rows come escaped from the server. EventSource asks again by itself when the connection is lost.
const script = `
const rows = document.getElementById('boots')
new EventSource(location.pathname).onmessage = (event) => { rows.innerHTML = JSON.parse(event.data) }
`

/** Whether a client is a browser: it wants HTML, and says Mozilla, as all browsers do and no boot loader does. */
export function isBrowser(headers: { accept?: string | undefined; 'user-agent'?: string | undefined }): boolean {
  return /\btext\/html\b/i.test(headers.accept ?? '') && /\bMozilla\//.test(headers['user-agent'] ?? '')
}

function renderEntry(entry: Entry): string {
  const slash = entry.folder ? '/' : ''
  const link = `<a href="${encodeName(entry.name)}${slash}">${escapeHtml(showName(entry.name))}${slash}</a>`
  const size = entry.folder ? '' : entry.sizeBytes.toLocaleString('en')
  return `<tr><td>${link}<td class="size">${size}<td>${formatDate(entry.modifiedMs)}\n`
}

/** The page for a folder. */
export function renderPage(path: string, entries: readonly Entry[], boots: readonly Boot[]): string {
  const up = path === '/' ? '' : '<tr><td><a href="../">../</a><td><td>\n'
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(path)}</title>
<link rel="icon" href="data:,">
<noscript><meta http-equiv="refresh" content="3"></noscript>
<style>${style}</style>
<h1>${escapeHtml(path)}</h1>
<table>
<thead><tr><th>Name<th class="size">Bytes<th>Changed (UTC)
<tbody>
${up}${sortEntries(entries).map(renderEntry).join('')}</table>
<h2>Machines that boot</h2>
<table>
<thead><tr><th>Machine<th>Last asked (UTC)<th>Script<th>Kernel<th>Initrd
<tbody id="boots">
${renderBootRows(boots)}
</table>
<script>${script}</script>
`
}
