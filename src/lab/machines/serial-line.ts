// The serial line between a machine's driver and the lab.
import { Duplex } from 'node:stream'

/** How many unread bytes may wait in memory. Further bytes are lost, as on a wire: the line never holds up a machine. */
export const serialBufferBytes = 1 << 20

/** A serial line; the driver uses its functions, the lab its stream. */
export class SerialLine extends Duplex {
  /** Receives the input. */
  onType: ((bytes: Buffer) => void) | undefined

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.onType?.(bytes)
    done()
  }

  /** Prints bytes unchanged. */
  send(bytes: Buffer): void {
    if (this.readableLength < serialBufferBytes && !this.readableEnded) this.push(bytes)
  }

  /** Prints text with the line ends of a terminal. */
  print(text: string): void {
    this.send(Buffer.from(text.replaceAll('\n', '\r\n')))
  }

  /** Ends the line, because the machine is off: it no longer prints or accepts anything. */
  hangUp(): void {
    this.onType = undefined
    this.push(null)
    this.end()
  }
}
