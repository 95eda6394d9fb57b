// Detects kernel files by the magic numbers that firmware and boot loaders check.

/** Bytes of a file's beginning that are enough to tell; the headers of kernels end well before. */
export const kernelHeadBytes = 4096

function holds(head: Buffer, offset: number, magic: string): boolean {
  return head.toString('latin1', offset, offset + magic.length) === magic
}

/** A kernel that unpacks itself when firmware starts it: where its payload is, and how it is compressed. */
export interface Zboot {
  offset: number
  size: number
  /** As the kernel's build names it: gzip, zstd22, xzkern, lzma, lzo, lz4. */
  compression: string
}

/** The header of a kernel that unpacks itself (drivers/firmware/efi/libstub/zboot-header.S); undefined for others. */
export function parseZboot(head: Buffer): Zboot | undefined {
  if (head.length < 0x40 || !holds(head, 0, 'MZ') || !holds(head, 4, 'zimg')) return undefined
  const compression = head.toString('latin1', 24, 0x38).split('\0')[0] ?? ''
  return { offset: head.readUInt32LE(8), size: head.readUInt32LE(12), compression }
}

/**
 * The architecture of a kernel from its first bytes (uncompressed); undefined if they are not a kernel's.
 * Sources: Documentation/arch/x86/boot.rst, Documentation/arch/arm64/booting.rst, drivers/firmware/efi/libstub/zboot-header.S.
 */
export function detectKernel(head: Buffer): 'x86_64' | 'aarch64' | undefined {
  if (holds(head, 0x1fe, '\x55\xaa') && holds(head, 0x202, 'HdrS')) return 'x86_64'
  if (holds(head, 56, 'ARM\x64')) return 'aarch64'
  // The same format is used for other processors, so the PE header decides.
  if (parseZboot(head) !== undefined && holds(head, head.readUInt32LE(0x3c), 'PE\0\0\x64\xaa')) return 'aarch64'
  return undefined
}
