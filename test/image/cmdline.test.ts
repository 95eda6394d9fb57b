import { describe, expect, it } from 'vitest'
import { readCmdline } from '../../src/image/cmdline.ts'

const read = (text: string | Uint8Array) =>
  readCmdline(typeof text === 'string' ? Buffer.from(text) : text, 'demo-cmdline')

describe('readCmdline', () => {
  it.each([
    ['console=ttyS0', 'console=ttyS0'],
    ['console=ttyS0\n', 'console=ttyS0'],
    ['console=ttyS0\r\n\r\n\n', 'console=ttyS0'],
    ['  a  b \n', '  a  b '],
    ['', ''],
    ['\n', ''],
    ['name=zo\u00eb', 'name=zo\u00eb'],
  ])('%j is %j', (text, expected) => {
    expect(read(text)).toBe(expected)
  })

  it.each([
    ['a\nb', 'cmdline "demo-cmdline" has a newline inside, which would end the line in the iPXE script'],
    ['a\rb\n', 'cmdline "demo-cmdline" has a newline inside, which would end the line in the iPXE script'],
    ['\na', 'cmdline "demo-cmdline" has a newline inside, which would end the line in the iPXE script'],
    ['a\0', 'cmdline "demo-cmdline" has a NUL character inside, where the kernel would stop reading'],
    [Buffer.from([0x61, 0xff]), 'cmdline "demo-cmdline" is not text'],
  ])('refuses %j', (text, message) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ name: 'ImageError', message }))
  })
})
