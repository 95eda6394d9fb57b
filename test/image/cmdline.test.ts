import { describe, expect, test } from 'vitest'
import { readCmdline } from '../../src/image/cmdline.ts'

const read = (text: string | Uint8Array) =>
  readCmdline(typeof text === 'string' ? Buffer.from(text) : text, 'demo-cmdline')

describe('readCmdline', () => {
  test.each([
    ['console=ttyS0', 'console=ttyS0'],
    ['console=ttyS0\n', 'console=ttyS0'],
    ['console=ttyS0\r\n\r\n\n', 'console=ttyS0'],
    ['  a b \t\n', '  a b \t'],
    ['a\\ ', 'a\\ '],
    ['${ip} x=${y z}', '${ip} x=${y z}'],
    [
      `"a b" 'c' a#b a;b ;a a&&b &&a ||a \\a a\\b $x {y} -- -c :d %20`,
      `"a b" 'c' a#b a;b ;a a&&b &&a ||a \\a a\\b $x {y} -- -c :d %20`,
    ],
    ['', ''],
    ['\n', ''],
    ['name=zo\u00eb', 'name=zo\u00eb'],
  ])('%j is %j', (text, expected) => {
    expect(read(text)).toBe(expected)
  })

  test.each([
    ['a\nb', 'a newline at character 2, which would end the line in the iPXE script'],
    ['a\rb\n', 'a newline at character 2, which would end the line in the iPXE script'],
    ['\na', 'a newline at character 1, which would end the line in the iPXE script'],
    ['a\0', 'a NUL character at character 2, where the kernel would stop reading'],
    ['\ufeffa', 'a byte-order mark (U+FEFF) at character 1, which the kernel would treat as part of the word'],
    ['a b\ufeff', 'a byte-order mark (U+FEFF) at character 4, which the kernel would treat as part of the word'],
    ['  a\tb', 'a tab at character 4, which iPXE turns into a space'],
    ['a\vb', 'a vertical tab at character 2, which iPXE turns into a space'],
    ['a\fb', 'a form feed at character 2, which iPXE turns into a space'],
    ['x="a  b"', 'several spaces in a row at character 5, which iPXE reduces to one, even in quotes'],
    ['#', 'a word that begins with "#" at character 1, where iPXE begins a comment'],
    [' a #b', 'a word that begins with "#" at character 4, where iPXE begins a comment'],
    ['a ; b', 'the word ";" at character 3, where iPXE ends the command'],
    ['a && b', 'the word "&&" at character 3, where iPXE ends the command'],
    ['a ||', 'the word "||" at character 3, where iPXE ends the command'],
    ['a b\\\n', 'a "\\" at character 4, after which iPXE joins the next line of the script to this one'],
  ])('refuses %j', (text, what) => {
    const message = `cmdline "demo-cmdline" has ${what}`
    expect(() => read(text)).toThrow(expect.objectContaining({ name: 'ImageError', message }))
  })

  test.each([[Buffer.from([0x61, 0xff]), 'cmdline "demo-cmdline" is not text']])('refuses %j', (text, message) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ name: 'ImageError', message }))
  })
})
