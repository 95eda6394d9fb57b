// DER, the encoding of certificates (X.690): only the elements of a lab's certificates.

/** An element: its tag, the length of its content, and the content. */
export function derElement(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  const digits = body.length < 0x80 ? '' : body.length.toString(16)
  const length = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
  const start = length.length === 0 ? Buffer.of(tag, body.length) : Buffer.of(tag, 0x80 | length.length)
  return Buffer.concat([start, length, body])
}

/** A SEQUENCE. */
export function sequence(...content: readonly Buffer[]): Buffer {
  return derElement(0x30, ...content)
}

/** A non-negative INTEGER from its bytes. */
export function integer(bytes: Buffer): Buffer {
  return derElement(0x02, ...((bytes[0] ?? 0) < 0x80 ? [bytes] : [Buffer.of(0), bytes]))
}

/** An OBJECT IDENTIFIER from its dotted text. */
export function identifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return derElement(0x06, Buffer.from(bytes))
}

/** A BIT STRING. */
export function bitString(bytes: Buffer, unusedBits = 0): Buffer {
  return derElement(0x03, Buffer.of(unusedBits), bytes)
}

/** An OCTET STRING. */
export function octetString(bytes: Buffer): Buffer {
  return derElement(0x04, bytes)
}

/** A UTF8String. */
export function text(value: string): Buffer {
  return derElement(0x0c, Buffer.from(value))
}

/** TRUE. */
export const yes = derElement(0x01, Buffer.of(0xff))

/** A UTCTime, which RFC 5280 requires until 2049. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return derElement(0x17, Buffer.from(digits.slice(2)))
}
