// Text tables for people.
import { plainText } from './plain-text.ts'

const gap = '  '

/** How many columns fit a window: the last ones are dropped, but never the first. */
function countFitting(widths: readonly number[], windowColumns: number): number {
  let used = -gap.length
  const firstTooWide = widths.findIndex((width) => (used += gap.length + width) > windowColumns)
  return firstTooWide === -1 ? widths.length : Math.max(1, firstTooWide)
}

/**
 * One line per row, columns as wide as needed, two spaces apart; the first row is the header.
 * @param windowColumns the width of a terminal in characters: columns that do not fit are omitted
 */
export function formatTable(cells: readonly (readonly string[])[], windowColumns = Number.POSITIVE_INFINITY): string {
  const rows = cells.map((row) => row.map(plainText))
  const widths = (rows[0] ?? []).map((_title, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const count = countFitting(widths, windowColumns)
  const lines = rows.map((row) =>
    row
      .slice(0, count)
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(gap),
  )
  return lines.map((line) => `${line.trimEnd()}\n`).join('')
}
