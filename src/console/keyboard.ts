// Handles stdin during a session: typing for the machine and, in a terminal, the escape keys.
import type { Input, Reporter } from '../io.ts'
import type { SerialShell } from './attempts.ts'
import { createEscapeParser, type EscapeAction, escapeHelp } from './escape.ts'
import { sendBreak } from '../ssh/serial-break.ts'

/** Actions of the escape keys; an absent action is reported as impossible here. */
export interface MachineActions {
  /** Reboots the machine. */
  reboot?: () => Promise<void>
  /** Switches the machine off and on again. */
  powerCycle?: () => Promise<void>
  /** Stops the program as the shell's Ctrl-Z does; returns when it continues. */
  suspend?: () => void
}

interface KeyboardOptions {
  stdin: Input
  report: Reporter
  /** Prints a line of metalkit's own beside the machine's output. */
  say: (line: string) => void
  actions: MachineActions
}

/** What the escape keys need of the terminal. */
interface Terminal {
  leave: () => void
  /** Leaves raw mode temporarily. */
  release: () => void
  seize: () => void
}

/** Performs a slow action, and reports its progress. */
async function perform(
  action: 'reboot' | 'power-cycle',
  { actions, say, report }: KeyboardOptions,
  over: AbortSignal,
): Promise<void> {
  const act = action === 'reboot' ? actions.reboot : actions.powerCycle
  const what = action === 'reboot' ? 'rebooting the machine' : 'switching the machine off and on'
  if (act === undefined) return say(`console: ${what} is not possible here`)
  say(`console: ${what} ...`)
  try {
    await act()
  } catch (error) {
    if (!over.aborted) report.warn(`${what} failed: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Gives the terminal back, stops, and takes the terminal again when the program continues. */
function suspend({ stdin, actions, say }: KeyboardOptions, over: AbortSignal, terminal: Terminal) {
  if (actions.suspend === undefined) return say('console: suspending is not possible here')
  say('console: suspended; resume with fg')
  stdin.pause()
  terminal.release()
  actions.suspend()
  if (over.aborted) return
  terminal.seize()
  stdin.resume()
}

/** Handles each piece of input during a session. */
export function createKeyboard(
  line: SerialShell,
  options: KeyboardOptions,
  over: AbortSignal,
  terminal: Terminal,
): (chunk: Buffer) => void {
  const { channel, connection } = line
  const { stdin, say } = options
  if (stdin.isTTY !== true) {
    return (chunk) => {
      if (channel.write(chunk)) return
      stdin.pause()
      channel.once('drain', () => {
        if (!over.aborted) stdin.resume()
      })
    }
  }
  const act = (action: EscapeAction) => {
    switch (action) {
      case 'leave':
        return terminal.leave()
      case 'help':
        return escapeHelp.forEach((text) => say(text))
      case 'break': {
        const sent = sendBreak(connection.client, channel)
        return say(sent ? 'console: break sent' : 'console: a break cannot be sent now')
      }
      case 'suspend':
        return suspend(options, over, terminal)
      case 'reboot':
      case 'power-cycle':
        return void perform(action, options, over)
      default:
        return action satisfies never
    }
  }
  // The keyboard is read in every state of the line: `~.` must work when nothing else does.
  const escapes = createEscapeParser()
  return (chunk) => {
    const { send, actions } = escapes.push(chunk)
    if (send.length > 0) channel.write(send)
    actions.forEach(act)
  }
}
