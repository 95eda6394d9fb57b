// cpio archives as an initrd holds them ("newc", Documentation/driver-api/early-userspace/buffer-format.rst): walked,
// not unpacked, to know where one ends.

const headerBytes = 110
const trailer = 'TRAILER!!!\0'

/** Whether bytes begin an entry of a cpio archive the kernel takes. */
export function isCpio(head: Buffer): boolean {
  return /^07070[12]/.test(head.toString('latin1', 0, 6))
}

/** How many bytes are missing to a multiple of four, where archives and their parts begin. */
export function paddingOf(size: number): number {
  return (4 - (size % 4)) % 4
}

/**
 * Follows archives, and zeros between them, through bytes that come in pieces.
 * - `rest`: before an archive, or behind the trailer of one
 * - `entry`: between two entries of an archive that goes on
 * - `inside`: within an entry
 * - `lost`: the bytes are no archive
 */
export class CpioWalker {
  /** Bytes walked over since the walker began. */
  #position = 0
  #phase: 'rest' | 'header' | 'name' | 'body' | 'lost' = 'rest'
  #collected = ''
  /** Of the phase, bytes still to come. */
  #missing = 0
  /** Of the entry: bytes behind the collected part of its name. */
  #behindName = 0

  get state(): 'rest' | 'entry' | 'inside' | 'lost' {
    if (this.#phase === 'rest' || this.#phase === 'lost') return this.#phase
    return this.#phase === 'header' && this.#collected === '' ? 'entry' : 'inside'
  }

  /** Begins anew here, at a multiple of four: what came before does not count. */
  restart(): void {
    this.#phase = 'rest'
    this.#position = 0
  }

  /** What comes is no archive. */
  lose(): void {
    this.#phase = 'lost'
  }

  /**
   * Walks on.
   * @returns how many of the bytes belong to archives or stand as zeros between them; fewer than all only where, behind
   *   an archive, something else begins, or where the walker is lost
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
        this.#expectHeader()
      }
      const size = Math.min(this.#missing, bytes.length - at)
      if (this.#phase !== 'body') this.#collected += bytes.toString('latin1', at, at + size)
      at += size
      this.#position += size
      this.#missing -= size
      if (this.#missing === 0) this.#finishPhase()
    }
    return at
  }

  #expectHeader(): void {
    this.#phase = 'header'
    this.#collected = ''
    this.#missing = headerBytes
  }

  #finishPhase(): void {
    if (this.#phase === 'header') this.#readHeader()
    else if (this.#phase === 'name') this.#readName()
    else this.#expectHeader()
  }

  #readHeader(): void {
    if (!/^07070[12][0-9a-fA-F]{104}$/.test(this.#collected)) {
      this.#phase = 'lost'
      return
    }
    const field = (index: number) => Number.parseInt(this.#collected.slice(6 + index * 8, 14 + index * 8), 16)
    const bodySize = field(6)
    const nameSize = field(11)
    this.#phase = 'name'
    this.#collected = ''
    this.#missing = Math.min(nameSize, trailer.length)
    this.#behindName = nameSize - this.#missing + paddingOf(headerBytes + nameSize) + bodySize + paddingOf(bodySize)
    if (this.#missing === 0) this.#readName()
  }

  #readName(): void {
    const last = this.#collected === trailer
    this.#collected = ''
    this.#missing = this.#behindName
    this.#phase = 'body'
    // What pads the trailer is zeros, and zeros are all that may follow it.
    if (last) this.#phase = 'rest'
    else if (this.#missing === 0) this.#expectHeader()
  }
}

/** How many zeros stand in a row from an index on. */
export function countZeros(bytes: Buffer, from: number): number {
  let at = from
  while (bytes[at] === 0) at++
  return at - from
}
