// cpio archives in an initrd ("newc", Documentation/driver-api/early-userspace/buffer-format.rst): walked,
// not unpacked, to find where each ends.

const headerBytes = 110

/** True if bytes begin an entry of a cpio archive that the kernel accepts. */
export function isCpio(head: Buffer): boolean {
  return /^07070[12]/.test(head.toString('latin1', 0, 6))
}

/** How many bytes are missing to the next multiple of four, at which archives and their parts begin. */
export function paddingOf(size: number): number {
  return (4 - (size % 4)) % 4
}

/**
 * Follows archives, and zeros between their entries, through bytes that arrive in pieces. As for the kernel, a trailer is an entry
 * like any other, and an archive may end without one.
 * - `rest`: before or after an entry
 * - `inside`: within an entry
 * - `lost`: the bytes are not an archive
 */
export class CpioWalker {
  /** The position of the next byte, for the multiples of four. */
  #position = 0
  #phase: 'rest' | 'header' | 'body' | 'lost' = 'rest'
  #header = ''
  /** Bytes still missing in this phase. */
  #missing = 0
  #entries = 0

  get state(): 'rest' | 'inside' | 'lost' {
    return this.#phase === 'rest' || this.#phase === 'lost' ? this.#phase : 'inside'
  }

  /** How many entries have begun. */
  get entries(): number {
    return this.#entries
  }

  /** Restarts at a position and forgets everything before it. */
  restart(position: number): void {
    this.#phase = 'rest'
    this.#position = position
  }

  /**
   * Walks on.
   * @returns how many of the bytes belong to archives or are zeros between entries; fewer than all only if, between two
   *   entries, something else begins, or if the walker is lost
   */
  push(bytes: Buffer): number {
    let at = 0
    while (at < bytes.length && this.#phase !== 'lost') {
      if (this.#phase === 'rest') {
        const zeros = countZeros(bytes, at)
        at += zeros
        this.#position += zeros
        if (at === bytes.length) break
        if (bytes[at] !== 0x30 || paddingOf(this.#position) !== 0) return at
        this.#phase = 'header'
        this.#header = ''
        this.#missing = headerBytes
      }
      const size = Math.min(this.#missing, bytes.length - at)
      if (this.#phase === 'header') this.#header += bytes.toString('latin1', at, at + size)
      at += size
      this.#position += size
      this.#missing -= size
      if (this.#missing > 0) break
      if (this.#phase === 'header') this.#readHeader()
      else this.#phase = 'rest'
    }
    return at
  }

  #readHeader(): void {
    if (!/^07070[12][0-9a-fA-F]{104}$/.test(this.#header)) {
      this.#phase = 'lost'
      return
    }
    const field = (index: number) => Number.parseInt(this.#header.slice(6 + index * 8, 14 + index * 8), 16)
    const bodySize = field(6)
    const nameSize = field(11)
    this.#entries++
    this.#missing = nameSize + paddingOf(headerBytes + nameSize) + bodySize + paddingOf(bodySize)
    this.#phase = this.#missing === 0 ? 'rest' : 'body'
  }
}

const zeroBlock = Buffer.alloc(4096)

/** The number of consecutive zeros from an index on. */
export function countZeros(bytes: Buffer, from: number): number {
  let at = from
  // An initrd can have gigabytes of them: whole blocks are compared at once.
  while (
    at + zeroBlock.length <= bytes.length &&
    bytes.compare(zeroBlock, 0, zeroBlock.length, at, at + zeroBlock.length) === 0
  )
    at += zeroBlock.length
  while (bytes[at] === 0) at++
  return at - from
}
