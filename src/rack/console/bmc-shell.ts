// The shell of a BMC around its serial console: the line that opens the console is typed at its prompt, and a session that comes
// back to the prompt is over, because a person at the console must not type into the BMC's shell.
import type { Duplex } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { settleBefore } from '../../deadline.ts'

/** A shell that prints nothing for so long waits for input. */
const silentMs = 500
const maxWaitMs = 5000
const maxPromptLength = 200

/** The unfinished last line of an output, as far as it is text. */
function lastLineOf(text: string): string {
  const line = text.split(/[\r\n]/).at(-1) ?? ''
  // A prompt may have colours.
  return stripVTControlCharacters(line).trim()
}

/** Waits for the prompt, and discards the text before it. @returns the prompt, '' if there is none */
export async function awaitPrompt(channel: Duplex, signal: AbortSignal): Promise<string> {
  let tail = ''
  let timer: NodeJS.Timeout | undefined
  let onSilent: (() => void) | undefined
  const onData = (bytes: Buffer) => {
    tail = (tail + bytes.toString('latin1')).slice(-maxPromptLength)
    clearTimeout(timer)
    timer = setTimeout(() => onSilent?.(), silentMs)
  }
  try {
    await settleBefore<void>({ ms: maxWaitMs, late: () => {}, signal }, (resolve) => {
      onSilent = resolve
      channel.on('data', onData).once('close', resolve)
    })
    return lastLineOf(tail)
  } finally {
    clearTimeout(timer)
    channel.off('data', onData)
  }
}

/** Looks for the prompt in the output of a console. */
export class PromptWatch {
  readonly #prompt: string
  #tail = ''
  /** The echo of the typed line is over. */
  #isPastEcho = false

  constructor(prompt: string) {
    this.#prompt = prompt
  }

  /** Whether the output now ends with the prompt, on a line of its own. */
  sees(bytes: Buffer): boolean {
    if (this.#prompt.length < 2) return false
    this.#tail = (this.#tail + bytes.toString('latin1')).slice(-maxPromptLength * 2)
    this.#isPastEcho ||= this.#tail.includes('\n')
    return this.#isPastEcho && lastLineOf(this.#tail) === this.#prompt
  }
}

const escape = 0x1b
/** Ctrl-\ ends iDRAC's console. */
const quit = 0x1c
/** ESC ( ends the consoles of iLO and XCC, ESC T that of Supermicro. */
const afterEscape = new Set(Buffer.from('(tT'))

/** Takes out of the input the keys that lead from a console to the shell of its BMC. */
export class HotKeyFilter {
  #afterEscape = false

  filter(bytes: Buffer): Buffer {
    return Buffer.from(
      bytes.filter((byte) => {
        const leaves = byte === quit || (this.#afterEscape && afterEscape.has(byte))
        this.#afterEscape = byte === escape
        return !leaves
      }),
    )
  }
}
