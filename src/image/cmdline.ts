// The kernel command line an image was built with, and what of it would be lost on its way through a line of an iPXE script.
// iPXE splits a line at white space, joins the words with one space, and knows no quoting (src/core/exec.c, src/image/script.c;
// tried with Debian's ROM of 2019).
import { ImageError } from '../errors.ts'

/** What would not arrive in /proc/cmdline as it is written, and the reason. The first that matches is named. */
const losses: readonly (readonly [pattern: RegExp, what: string, why: string, hint: string])[] = [
  [/\0/u, 'a NUL character', 'where the kernel would stop reading', 'remove it'],
  [/[\r\n]/u, 'a newline', 'which would end the line in the iPXE script', 'write it as one line'],
  [
    /\ufeff/u,
    'a byte-order mark (U+FEFF)',
    'which the kernel takes for a part of the word',
    'save it as UTF-8 without one',
  ],
  [/\t/u, 'a tab', 'which iPXE turns into a space', 'write a space'],
  [/\v/u, 'a vertical tab', 'which iPXE turns into a space', 'write a space'],
  [/\f/u, 'a form feed', 'which iPXE turns into a space', 'write a space'],
  [/ {2,}/u, 'several spaces in a row', 'of which iPXE leaves one, in quotes too', 'write one space'],
  [
    /(?<= |^)#[^ ]*/u,
    'a word that begins with "#"',
    'where iPXE begins a comment',
    'remove it, or write it without the #',
  ],
  [/(?<= |^)(?:;|&&|\|\|)(?= |$)/u, 'the word', 'where iPXE ends the command', 'write it without spaces around it'],
  [/\\$/u, 'a "\\"', 'with which iPXE takes the next line of the script for a part of this one', 'remove it'],
]

/**
 * The command line in a `<name>-cmdline` file: one line of UTF-8, without the newlines an editor left at its end. References
 * to iPXE's settings (`${ip}`) are left to iPXE.
 * @throws ImageError if it would not arrive at the kernel as written
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
  // White space around the whole says nothing, like the newline behind it.
  const begin = /^[ \t]*/.exec(line)?.[0].length ?? 0
  const words = line.slice(begin).replace(/[ \t]+$/, ' ')
  for (const [pattern, what, why, hint] of losses) {
    const found = pattern.exec(words)
    if (found === null) continue
    const named = what === 'the word' ? `${what} "${found[0]}"` : what
    throw refuse(`has ${named} at character ${begin + found.index + 1}, ${why}`, hint)
  }
  return line
}
