// The wire of a serial line between a machine's driver and whoever reads and types.
import { Duplex } from 'node:stream'

/** What may wait unread or untaken in memory; what is more is lost, as on a wire: a machine is never held up by its line. */
export const serialBufferBytes = 1 << 20

/** A serial line whose machine's end is functions. */
export class SerialLine extends Duplex {
  /** Gets what is typed. */
  onType: ((bytes: Buffer) => void) | undefined

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.onType?.(bytes)
    done()
  }

  /** Prints bytes as they are. */
  send(bytes: Buffer): void {
    if (this.readableLength < serialBufferBytes && !this.readableEnded) this.push(bytes)
  }

  /** Prints text with the line ends of a terminal. */
  print(text: string): void {
    this.send(Buffer.from(text.replaceAll('\n', '\r\n')))
  }

  /** The machine is off: nothing is printed or taken any more. */
  hangUp(): void {
    this.onType = undefined
    this.push(null)
    this.end()
  }
}
