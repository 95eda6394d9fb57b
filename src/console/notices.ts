// Lines of ours between the machine's: dim at a terminal, and on a row of their own.
import type { Reporter } from '../io.ts'

const newline = 0x0a

/** Says things beside a console. */
export interface Notices {
  /** Takes note of what the machine printed. */
  saw(chunk: Buffer): void
  say(line: string): void
}

/** Notices on a reporter; without a terminal they are plain lines. */
export function createNotices(report: Reporter): Notices {
  let fresh = true
  return {
    saw(chunk) {
      fresh = chunk.at(-1) === newline
    },
    say(line) {
      report.info(report.live ? `${fresh ? '' : '\r\n'}\u001b[2m${line}\u001b[22m` : line)
      fresh = true
    },
  }
}
