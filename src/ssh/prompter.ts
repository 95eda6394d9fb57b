// Questions in the terminal, before or between sessions.
import { InterruptedError } from '../errors.ts'
import type { Input, Output, Reporter } from '../io.ts'
import { enterRawMode } from '../terminal-input.ts'

/** Asks the user. @throws InterruptedError on Ctrl-C, or the signal's reason */
export interface Prompter {
  ask(question: string): Promise<string>
  /** The same, without echo. */
  askSecret(question: string): Promise<string>
}

/** Applies typing to a line: returns the line, and whether it is complete. */
function edit(line: string, typed: string): { line: string; done: boolean } {
  let edited = line
  for (const character of typed) {
    if (character === '\r' || character === '\n' || character === '\u0004') return { line: edited, done: true }
    if (character === '\u0003') throw new InterruptedError('SIGINT')
    if (character === '\u0015') edited = ''
    else if (character === '\u007f' || character === '\b') edited = Array.from(edited).slice(0, -1).join('')
    else if (character >= ' ') edited += character
  }
  return { line: edited, done: false }
}

/** A prompter; undefined unless stdin and stderr are terminals. */
export function createPrompter(context: {
  stdin: Input
  stderr: Output
  signal: AbortSignal
  report: Pick<Reporter, 'hold'>
}): Prompter | undefined {
  const { stdin, stderr, signal, report } = context
  if (stdin.isTTY !== true || stderr.isTTY !== true) return undefined

  async function readLine(question: string, visible: boolean): Promise<string> {
    signal.throwIfAborted()
    const over = new AbortController()
    const decoder = new TextDecoder()
    let line = ''
    // Raw mode first: an answer typed as soon as the question appears must not be echoed.
    using _raw = enterRawMode(stdin)
    using _held = report.hold()
    stderr.write(question)
    try {
      return await new Promise<string>((resolve, reject) => {
        const onData = (chunk: Buffer) => {
          try {
            const step = edit(line, decoder.decode(chunk, { stream: true }))
            line = step.line
            if (visible) stderr.write(`\r\u001b[K${question.slice(question.lastIndexOf('\n') + 1)}${line}`)
            if (step.done) resolve(line)
          } catch (error) {
            reject(error)
          }
        }
        stdin.on('data', onData).resume()
        stdin.once('end', () => resolve(''))
        over.signal.addEventListener('abort', () => stdin.off('data', onData).pause())
        signal.addEventListener('abort', () => reject(signal.reason), { signal: over.signal })
      })
    } finally {
      over.abort()
      stderr.write('\r\n')
    }
  }

  return {
    ask: (question) => readLine(question, true),
    askSecret: (question) => readLine(question, false),
  }
}
