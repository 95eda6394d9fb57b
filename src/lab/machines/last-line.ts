// What a machine's console showed last, for a message.
import { replaceControls } from '../../text/plain-text.ts'

const longest = 100

/** The last line with text in it, without what moves the cursor or colours; '' where there is none. */
export function lastLineOf(text: string): string {
  const lines = text
    // A screen that is drawn by position has no line ends.
    // oxlint-disable-next-line no-control-regex -- the escapes of terminals
    .replaceAll(/\u001b\[[\d;]*[HfJ]/g, '\n')
    // oxlint-disable-next-line no-control-regex -- the escapes of terminals
    .replaceAll(/\u001b\[[\d;?]*[ -/]*[@-~]|\u001b[^[]/g, '')
    .split(/[\r\n]+/)
    .map((line) => replaceControls(line, ' ').trim())
    .filter((line) => line !== '')
  return lines.at(-1)?.slice(0, longest) ?? ''
}
