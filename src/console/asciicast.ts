// asciicast v2, the recordings of asciinema: a header, then an event a line
// (https://docs.asciinema.org/manual/asciicast/v2/).

/** Turns a console into the lines of a recording; each ends in a newline, '' is no line. Times are seconds since its start. */
export interface Asciicast {
  header: string
  output(chunk: Buffer, seconds: number): string
  resize(columns: number, rows: number, seconds: number): string
  /** What is left at the end: bytes of a character that was cut off. */
  end(seconds: number): string
}

/** A recording of a screen of this size that starts at this time. */
export function createAsciicast(screen: { columns: number; rows: number }, startedAt: Date): Asciicast {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let last = 0
  const event = (seconds: number, code: 'o' | 'r', data: string) => {
    // Players take the times for a clock that never goes back.
    last = Math.max(last, Math.round(seconds * 1e6) / 1e6)
    return data === '' ? '' : `${JSON.stringify([last, code, data])}\n`
  }
  return {
    header: `${JSON.stringify({
      version: 2,
      width: screen.columns,
      height: screen.rows,
      timestamp: Math.floor(startedAt.getTime() / 1000),
      env: { TERM: 'vt100' },
    })}\n`,
    output: (chunk, seconds) => event(seconds, 'o', decoder.decode(chunk, { stream: true })),
    resize: (columns, rows, seconds) => event(seconds, 'r', `${columns}x${rows}`),
    end: (seconds) => event(seconds, 'o', decoder.decode()),
  }
}
