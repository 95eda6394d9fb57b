// A reporter that records its messages for tests.
import type { Reporter } from '../../src/io.ts'

/** A reporter that keeps every line, at the highest verbosity. */
export function createRecorder(): Reporter & { lines: string[] } {
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  return {
    verbosity: 2,
    live: false,
    lines,
    error: say,
    warn: say,
    info: say,
    detail: say,
    debug: say,
    progress: say,
    overhear() {},
    hold: () => ({ [Symbol.dispose]() {} }),
    event() {},
  }
}
