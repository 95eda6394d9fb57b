// The kernel command line an image was built with.
import { ImageError } from '../errors.ts'

/**
 * The command line in a `<name>-cmdline` file: one line of UTF-8, without the newlines an editor left at its end.
 * @throws ImageError where it would not fit in one line of an iPXE script
 */
export function readCmdline(content: Uint8Array, path: string): string {
  const refuse = (why: string, hint: string) => new ImageError(`cmdline "${path}" ${why}`, { hint })
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch {
    throw refuse('is not text', 'it holds the kernel command line, in UTF-8')
  }
  const line = text.replace(/[\r\n]+$/, '')
  if (/[\r\n]/.test(line)) {
    throw refuse('has a newline inside, which would end the line in the iPXE script', 'write it as one line')
  }
  if (line.includes('\0')) {
    throw refuse('has a NUL character inside, where the kernel would stop reading', 'remove it')
  }
  return line
}
