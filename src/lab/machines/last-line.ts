// The last line of a console, for a message.
import { replaceControls, stripEscapes } from '../../text/plain-text.ts'

const maxLength = 100

/** Finds the last line with text, without escape sequences; '' if there is no such line. */
export function lastLineOf(text: string): string {
  const lines = text
    // A full-screen program positions the cursor in place of printing line ends.
    // oxlint-disable-next-line no-control-regex -- the escapes of terminals
    .replaceAll(/\u001b\[[\d;]*[HfJ]/g, '\n')
    .split(/[\r\n]+/)
    .map((line) => replaceControls(stripEscapes(line), ' ').trim())
    .filter((line) => line !== '')
  return lines.at(-1)?.slice(0, maxLength) ?? ''
}
