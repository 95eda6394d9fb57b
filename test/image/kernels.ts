// The first bytes of kernels, from the kernel's documentation, and a helper that places bytes at offsets.

function layOut(size: number, ...parts: readonly (readonly [offset: number, bytes: string])[]): Buffer {
  const buffer = Buffer.alloc(size, 0x90)
  for (const [offset, bytes] of parts) buffer.write(bytes, offset, 'latin1')
  return buffer
}

export const bzImage = layOut(20_000, [0, 'MZ'], [0x1fe, '\x55\xaa'], [0x202, 'HdrS'])
export const arm64Image = layOut(20_000, [0, 'MZ'], [56, 'ARM\x64'])
export const zbootImage = (machine: string) =>
  layOut(20_000, [0, 'MZ\0\0zimg'], [0x3c, '\x80\0\0\0'], [0x80, `PE\0\0${machine}`])
