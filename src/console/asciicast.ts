// asciicast v2, the format of asciinema: a header, then one event per line
// (https://docs.asciinema.org/manual/asciicast/v2/).

/** Turns console bytes into the lines of a recording; each ends in a newline, '' means no line. Times are seconds since the start. */
export interface Asciicast {
  header: string
  output(chunk: Buffer, seconds: number): string
  resize(columns: number, rows: number, seconds: number): string
  /** Returns the rest at the end: the bytes of an incomplete character. */
  end(seconds: number): string
}

/** A recording of a screen of this size, starting at this time. */
export function createAsciicast(screen: { columns: number; rows: number }, startedAt: Date): Asciicast {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let last = 0
  const event = (seconds: number, code: 'o' | 'r', data: string) => {
    // Players expect times that never go back.
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
