// The kernel command line of an image, and which parts of it a line of an iPXE script would lose.
// iPXE splits a line at white space, joins the words with one space, and knows no quoting (src/core/exec.c, src/image/script.c;
// tried with Debian's ROM of 2019).
import { ImageError } from '../errors.ts'

/** Text that would not reach /proc/cmdline unchanged, and why. The first match is reported. */
const losses: readonly (readonly [pattern: RegExp, what: string, why: string, hint: string])[] = [
  [/\0/u, 'a NUL character', 'where the kernel would stop reading', 'remove it'],
  [/[\r\n]/u, 'a newline', 'which would end the line in the iPXE script', 'write it as one line'],
  [
    /\ufeff/u,
    'a byte-order mark (U+FEFF)',
    'which the kernel would treat as part of the word',
    'save it as UTF-8 without a byte-order mark',
  ],
  [/\t/u, 'a tab', 'which iPXE turns into a space', 'write a space'],
  [/\v/u, 'a vertical tab', 'which iPXE turns into a space', 'write a space'],
  [/\f/u, 'a form feed', 'which iPXE turns into a space', 'write a space'],
  [/ {2,}/u, 'several spaces in a row', 'which iPXE reduces to one, even in quotes', 'write one space'],
  [
    /(?<= |^)#[^ ]*/u,
    'a word that begins with "#"',
    'where iPXE begins a comment',
    'remove it, or write it without the #',
  ],
  [/(?<= |^)(?:;|&&|\|\|)(?= |$)/u, 'the word', 'where iPXE ends the command', 'write it without spaces around it'],
  [/\\$/u, 'a "\\"', 'after which iPXE joins the next line of the script to this one', 'remove it'],
]

/**
 * The command line in a `<name>-cmdline` file: one line of UTF-8, without trailing newlines from an editor. References
 * to iPXE's settings (`${ip}`) are left to iPXE.
 * @throws ImageError if it would not reach the kernel unchanged
 */
export function readCmdline(content: Uint8Array, path: string): string {
  const refuse = (why: string, hint: string) => new ImageError(`cmdline "${path}" ${why}`, { hint })
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch {
    throw refuse('is not text', 'it must contain the kernel command line in UTF-8')
  }
  const line = text.replace(/[\r\n]+$/, '')
  // White space around the whole line has no meaning, nor has the newline after it.
  const begin = /^[ \t]*/.exec(line)?.[0].length ?? 0
  const words = line.slice(begin).replace(/[ \t]+$/, ' ')
  for (const [pattern, what, why, hint] of losses) {
    const match = pattern.exec(words)
    if (match === null) continue
    const named = what === 'the word' ? `${what} "${match[0]}"` : what
    throw refuse(`has ${named} at character ${begin + match.index + 1}, ${why}`, hint)
  }
  return line
}
