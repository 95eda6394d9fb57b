// cpio archives created and read without the code under test.
import { gzipSync, crc32 } from 'node:zlib'

const hex = (number: number) => number.toString(16).padStart(8, '0')
const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])

function entry(name: string, content: Buffer, magic: string): Buffer {
  const fields = [1, 0o100644, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0]
  const head = magic + fields.map((field, index) => hex(index === 11 ? name.length + 1 : field)).join('')
  return Buffer.concat([padded(Buffer.from(`${head}${name}\0`, 'latin1')), padded(content)])
}

/** A newc archive of files. */
export function makeArchive(files: Record<string, Buffer | string>, magic = '070701'): Buffer {
  const entries = Object.entries(files).map(([name, content]) =>
    entry(name, typeof content === 'string' ? Buffer.from(content) : content, magic),
  )
  return Buffer.concat([...entries, entry('TRAILER!!!', Buffer.alloc(0), magic)])
}

/** The part of an uncompressed initrd that the kernel would unpack: archives at multiples of four, with zeros between them. */
export function readArchives(initrd: Buffer): [name: string, content: string][] {
  const files: [string, string][] = []
  for (let at = 0; at < initrd.length;) {
    if (initrd[at] === 0) {
      at++
      continue
    }
    const magic = initrd.toString('latin1', at, at + 6)
    if (at % 4 !== 0 || (magic !== '070701' && magic !== '070702')) throw new Error(`junk at ${at}: ${magic}`)
    const field = (index: number) =>
      Number.parseInt(initrd.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16)
    const nameEnd = at + 110 + field(11)
    const name = initrd.toString('latin1', at + 110, nameEnd - 1)
    const body = Math.ceil(nameEnd / 4) * 4
    if (name !== 'TRAILER!!!') files.push([name, initrd.toString('latin1', body, body + field(6))])
    at = Math.ceil((body + field(6)) / 4) * 4
  }
  return files
}

/** A gzip member with every field a header may have. */
export function makeFancyGzip(content: Buffer): Buffer {
  const plain = gzipSync(content)
  const header = Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 1, 2, 3, 4, 0, 3]),
    Buffer.from([5, 0]),
    Buffer.from('extra'),
    Buffer.from('name.cpio\0a comment\0'),
  ])
  const checksum = Buffer.alloc(2)
  checksum.writeUInt16LE(crc32(header) & 0xffff)
  return Buffer.concat([header, checksum, plain.subarray(10)])
}
