// The blocks of a file that a TFTP client needs next: the state of a transfer, without its socket and its clock.
import { type TransferOptions, writeData, writeOptionAck } from './tftp-packet.ts'

/** Sends a file in blocks, a window at a time. */
export class BlockSender {
  readonly #content: Buffer
  readonly #options: TransferOptions
  /** The number of the last block, which is shorter than the others, and possibly empty. */
  readonly #last: number
  #optionAck: Buffer | undefined
  #acknowledged = 0

  constructor(content: Buffer, options: TransferOptions, accepted: readonly (readonly [string, number])[]) {
    this.#content = content
    this.#options = options
    this.#last = Math.floor(content.length / options.blockBytes) + 1
    this.#optionAck = accepted.length === 0 ? undefined : writeOptionAck(accepted)
  }

  get isDone(): boolean {
    return this.#acknowledged === this.#last
  }

  /** The packets to send now, and again until they are acknowledged. */
  pending(): Buffer[] {
    if (this.#optionAck !== undefined) return [this.#optionAck]
    const { blockBytes, windowBlocks } = this.#options
    const count = Math.min(windowBlocks, this.#last - this.#acknowledged)
    return Array.from({ length: count }, (_, index) => {
      const number = this.#acknowledged + 1 + index
      return writeData(number, this.#content.subarray((number - 1) * blockBytes, number * blockBytes))
    })
  }

  /**
   * Handles an acknowledgement. @returns whether it is new: a repeated one must not be answered, or a packet that was duplicated
   * once would stay duplicated to the end of the file (RFC 1123, 4.2.3.1)
   */
  acknowledge(block: number): boolean {
    if (this.#optionAck !== undefined) {
      if (block !== 0) return false
      this.#optionAck = undefined
      return true
    }
    const step = (block - this.#acknowledged) & 0xffff
    if (step === 0 || step > Math.min(this.#options.windowBlocks, this.#last - this.#acknowledged)) return false
    this.#acknowledged += step
    return true
  }
}
