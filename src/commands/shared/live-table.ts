// A table that a terminal shows below the messages and redraws.
import type { Context } from '../../io.ts'

const periodMs = 500
const usualRows = 24

/**
 * Shows a table until it is disposed; outside a terminal it shows nothing. `render` gets the number of rows that fit if
 * `otherRows` stay free for messages.
 */
export function showLiveTable(
  { report, stderr }: Pick<Context, 'report' | 'stderr'>,
  otherRows: number,
  render: (rows: number) => string,
): Disposable {
  if (!report.live) return { [Symbol.dispose]: () => {} }
  const draw = () => report.progress(render(Math.max(1, (stderr.rows || usualRows) - otherRows)))
  const ticker = setInterval(draw, periodMs)
  return {
    [Symbol.dispose]: () => {
      clearInterval(ticker)
      report.progress('')
    },
  }
}
