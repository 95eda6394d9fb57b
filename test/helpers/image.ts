// A minimal image: the files of linuxkit build, with a kernel that has only the magic numbers of a kernel.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A bzImage's magic numbers (Documentation/arch/x86/boot.rst) in a file of 4 KiB. */
export function fakeBzImage(): Buffer {
  const kernel = Buffer.alloc(4096)
  kernel.writeUInt16LE(0xaa55, 0x1fe)
  kernel.write('HdrS', 0x202, 'latin1')
  return kernel
}

/** An arm64 Image's magic number (Documentation/arch/arm64/booting.rst) in a file of 4 KiB. */
export function fakeArm64Image(): Buffer {
  const kernel = Buffer.alloc(4096)
  kernel.write('ARM\u0064', 56, 'latin1')
  return kernel
}

/** Writes `<name>-kernel` and the other files into a new folder. */
export async function makeImage(name = 'demo', kernel = fakeBzImage()) {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-image-'))
  const prefix = join(folder, name)
  await writeFile(`${prefix}-kernel`, kernel)
  await writeFile(`${prefix}-initrd.img`, Buffer.alloc(10_000, 7))
  await writeFile(`${prefix}-cmdline`, 'console=tty0 console=ttyS1,115200\n')
  return {
    folder,
    prefix,
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true })
    },
  }
}
