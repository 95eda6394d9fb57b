// Lines of ours between the machine's: dim at a terminal.
import type { Reporter } from '../io.ts'

/** Says things beside a console. */
export interface Notices {
  say(line: string): void
}

/** Notices on a reporter; without a terminal they are plain lines. */
export function createNotices(report: Reporter): Notices {
  return {
    say: (line) => report.info(report.live ? `\u001b[2m${line}\u001b[22m` : line),
  }
}
