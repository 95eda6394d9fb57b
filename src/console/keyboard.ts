// What stdin does during a session: types into the machine, and at a terminal means the escape keys.
import type { Input, Reporter } from '../io.ts'
import type { Line } from './attempts.ts'
import { createEscapeParser, type EscapeAction, escapeHelp } from './escape.ts'
import type { Notices } from './notices.ts'
import { sendBreak } from './serial-break.ts'

/** What the escape keys can do besides; an absent one is said to be impossible here. */
export interface MachineActions {
  /** Asks for a reboot. */
  reboot?: () => Promise<void>
  /** Switches the machine off and on again. */
  powerCycle?: () => Promise<void>
  /** Stops the program as the shell's Ctrl-Z does; returns when it goes on. */
  suspend?: () => void
}

interface KeyboardOptions {
  stdin: Input
  report: Reporter
  notices: Notices
  actions: MachineActions
}

/** What the terminal must do for an escape key. */
interface Terminal {
  leave: () => void
  /** Ends raw mode, for a while. */
  release: () => void
  seize: () => void
}

/** Performs what takes a while, and says how it goes. */
async function perform(
  action: 'reboot' | 'power-cycle',
  { actions, notices, report }: KeyboardOptions,
  over: AbortSignal,
): Promise<void> {
  const act = action === 'reboot' ? actions.reboot : actions.powerCycle
  const what = action === 'reboot' ? 'rebooting the machine' : 'switching the machine off and on'
  if (act === undefined) return notices.say(`console: ${what} is not possible here`)
  notices.say(`console: ${what} ...`)
  try {
    await act()
  } catch (error) {
    if (!over.aborted) report.warn(`${what} failed: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Gives the terminal back, stops, and takes it again when the program goes on. */
function suspend({ stdin, actions, notices }: KeyboardOptions, over: AbortSignal, terminal: Terminal) {
  if (actions.suspend === undefined) return notices.say('console: suspending is not possible here')
  notices.say('console: suspended; resume with fg')
  stdin.pause()
  terminal.release()
  actions.suspend()
  if (over.aborted) return
  terminal.seize()
  stdin.resume()
}

/** What to do with each piece of input while a session goes on. */
export function createKeyboard(
  line: Line,
  options: KeyboardOptions,
  over: AbortSignal,
  terminal: Terminal,
): (chunk: Buffer) => void {
  const { channel, connection } = line
  const { stdin, notices } = options
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
        return escapeHelp.forEach((text) => notices.say(text))
      case 'break': {
        const sent = sendBreak(connection.client, channel)
        return notices.say(sent ? 'console: break sent' : 'console: a break cannot be sent now')
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
  // A keyboard is read on whatever the line does: `~.` must work when nothing else does any more.
  const escapes = createEscapeParser()
  return (chunk) => {
    const { send, actions } = escapes.push(chunk)
    if (send.length > 0) channel.write(send)
    actions.forEach(act)
  }
}
