// metalkit's own lines among the machine's output: dim at a terminal.
import type { Reporter } from '../io.ts'

/** Prints messages beside a console. */
export interface Notices {
  say(line: string): void
}

/** Notices through a reporter; plain lines without a terminal. */
export function createNotices(report: Reporter): Notices {
  return {
    say: (line) => report.info(report.live ? `\u001b[2m${line}\u001b[22m` : line),
  }
}
