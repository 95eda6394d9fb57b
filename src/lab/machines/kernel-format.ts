// Whether bytes are a kernel that iPXE would start.
import type { Arch } from './driver.ts'

/** Bytes of a file's beginning that this needs. */
const kernelHeadBytes = 0x206

/** An x86 bzImage (Documentation/arch/x86/boot.rst): boot sector mark and "HdrS". */
function isBzImage(head: Buffer): boolean {
  return (
    head.length >= kernelHeadBytes &&
    head.readUInt16LE(0x1fe) === 0xaa55 &&
    head.toString('latin1', 0x202, 0x206) === 'HdrS'
  )
}

/** An arm64 Image (Documentation/arch/arm64/booting.rst), not compressed: iPXE for arm64 does not unpack gzip. */
function isArm64Image(head: Buffer): boolean {
  return head.length >= 64 && head.toString('latin1', 56, 60) === 'ARM\u0064'
}

/** Whether a machine of this architecture starts a file that begins so. */
export function isKernel(arch: Arch, head: Buffer): boolean {
  return arch === 'x86_64' ? isBzImage(head) : isArm64Image(head)
}
