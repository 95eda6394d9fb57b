// Values in SSH's wire format (RFC 4251, section 5).

/** A four-byte number. */
export function writeNumber(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A string: its length, then its bytes. */
export function writeString(text: Buffer | string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([writeNumber(bytes.length), bytes])
}

/** The strings in a buffer; undefined if their lengths do not add up. */
export function readStrings(bytes: Buffer): Buffer[] | undefined {
  const reader = createWireReader(bytes)
  const strings: Buffer[] = []
  try {
    while (!reader.done) strings.push(reader.string())
    return strings
  } catch {
    return undefined
  }
}

/** Reads consecutive values. Each method throws a RangeError if the bytes end too early. */
export interface WireReader {
  bytes(length: number): Buffer
  number(): number
  long(): bigint
  string(): Buffer
  text(): string
  /** A list of names. */
  names(): string[]
  /** Bytes read so far. */
  readonly at: number
  readonly done: boolean
}

export function createWireReader(from: Buffer): WireReader {
  let at = 0
  const bytes = (length: number) => {
    if (at + length > from.length) throw new RangeError('the bytes end in the middle of a value')
    at += length
    return from.subarray(at - length, at)
  }
  const number = () => bytes(4).readUInt32BE()
  const string = () => bytes(number())
  const text = () => string().toString('latin1')
  return {
    bytes,
    number,
    long: () => bytes(8).readBigUInt64BE(),
    string,
    text,
    names: () => text().split(','),
    get at() {
      return at
    },
    get done() {
      return at >= from.length
    },
  }
}
