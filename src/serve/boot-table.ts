// The booting machines as text for a terminal and as HTML for the page. Names come from clients, so they are escaped.
import { formatTable } from '../text/table.ts'
import { type Boot, type BootStep, stepNames } from './boots.ts'
import { escapeHtml } from './listing.ts'
import { escapeText } from './request-log.ts'

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}

/** `45% 61.0/135.0 MB 11 MB/s`, `done 135.0 MB 11 MB/s`, `404`. */
export function describeStep(step: BootStep | undefined): string {
  if (step === undefined) return '-'
  const rate = `${step.rate < 10 ? step.rate.toFixed(1) : step.rate.toFixed(0)} MB/s`
  if (step.state === 'failed') return step.totalBytes < 100_000 ? step.why : `${step.why} at ${mb(step.bytes)} MB`
  if (step.totalBytes < 100_000) return step.state === 'done' ? 'done' : 'requested'
  if (step.state === 'done') return `done ${mb(step.totalBytes)} MB ${rate}`
  return `${Math.floor((step.bytes / step.totalBytes) * 100)}% ${mb(step.bytes)}/${mb(step.totalBytes)} MB ${rate}`
}

/** A table for a terminal: a header and a line per machine, at most `rows` machines; '' if no machine boots. */
export function renderBootLines(boots: readonly Boot[], rows: number): string {
  if (boots.length === 0) return ''
  const lines = [
    ['machine', ...stepNames],
    ...boots
      .slice(0, rows)
      .map(({ client, steps }) => [escapeText(client), ...stepNames.map((name) => describeStep(steps[name]))]),
  ]
  const more = boots.length > rows ? `and ${boots.length - rows} more` : ''
  return `${formatTable(lines)}${more}`.trimEnd()
}

function renderCell(step: BootStep | undefined): string {
  if (step === undefined) return '<td>–'
  const title = escapeHtml(step.file)
  // A number and its unit stay on one line.
  const text = escapeHtml(describeStep(step)).replaceAll(' MB', '&nbsp;MB')
  const bar =
    step.state === 'running' && step.totalBytes >= 100_000
      ? `<progress max="${step.totalBytes}" value="${step.bytes}"></progress> `
      : ''
  return `<td class="${step.state}" title="${title}">${bar}${text}`
}

/** The same machines as rows of an HTML table, on one line. */
export function renderBootRows(boots: readonly Boot[]): string {
  if (boots.length === 0) return '<tr><td colspan="5">No machine has requested anything yet.'
  return boots
    .map(({ client, at, steps }) => {
      const time = at.toISOString().slice(11, 19)
      return `<tr><td>${escapeHtml(client)}<td>${time}${stepNames.map((name) => renderCell(steps[name])).join('')}`
    })
    .join('')
}
