// The output of a machine under test.
import type { Duplex } from 'node:stream'

/** Collects what a serial line prints; `shows` waits for a text. */
export function watch(serial: Duplex): { text(): string; shows(text: string): Promise<void> } {
  let seen = ''
  serial.on('data', (bytes: Buffer) => (seen += bytes.toString('latin1')))
  return {
    text: () => seen,
    async shows(text) {
      while (!seen.includes(text)) {
        if (serial.closed) throw new Error(`the line closed without ${JSON.stringify(text)}: ${seen}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
  }
}
