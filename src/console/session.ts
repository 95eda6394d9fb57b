// Attaching to a machine's serial console, and staying with it.
import { replaceControls } from '../text/plain-text.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { Input, Output, Reporter } from '../io.ts'
import { type Line, reachLine } from './attempts.ts'
import type { Capture } from './capture.ts'
import { describePlace } from '../ssh/connect-error.ts'
import type { HostAccess } from '../ssh/connection.ts'
import type { MachineActions } from './keyboard.ts'
import { createNotices } from './notices.ts'
import { relay, type RelayEnding } from './relay.ts'
import { watchTerminalModes } from './terminal-modes.ts'
import type { Watch } from './watch.ts'

/** Why a console was left: by the user, because all that was waited for showed, or because what must not show did. */
export type ConsoleEnding = Exclude<RelayEnding, { kind: 'dropped' }>

/** Which console, as whom, and between which streams. */
export interface AttachConsoleOptions extends HostAccess {
  /** To SOS the device's id is the user. */
  username: string
  stdin: Input
  stdout: Output
  report: Reporter
  /** Ends the session with what it sees, and answers. */
  watch?: Watch
  /** Each is given all that the machine prints. */
  captures?: readonly Capture[]
  actions?: MachineActions
  /** How long to try for while the console is not there yet, or not there any more. */
  connectTimeoutMs: number
  /** Called each time the serial line is open. */
  onAttached?: () => void
  /** Called each time it is lost; then it is opened anew. */
  onDropped?: (why: string) => void
  /** Whether the machine was off when it was seen last: then its session ended with it, and the console waits without a word. */
  isOff?: () => boolean
  onMatch?: (pattern: RegExp) => void
  /** Called once, before the first bytes of the machine are shown. */
  onOutput?: () => void
  signal: AbortSignal
  clock?: Clock
}

/** A session that was shorter than this was no session: the server needs a pause. */
const shortSessionMs = 10_000
/** Longer than a look at the machine takes to come round. */
const firstPauseMs = 2500
const maxPauseMs = 30_000

/** Without the control characters a server may have put into it. */
function readBanner(banner: string): string[] {
  return banner.split('\n').map((line) => replaceControls(line, '').trimEnd())
}

/**
 * Attaches to a console, as soon as it lets us, and stays: a session that drops is opened anew until the signal aborts.
 * At a terminal it is raw meanwhile and `~.` leaves; elsewhere stdin is typed into the machine and its end ends nothing.
 * @throws ConsoleError where it cannot be reached or trusted, or the signal's reason
 */
export async function attachConsole(options: AttachConsoleOptions): Promise<ConsoleEnding> {
  const { address, stdin, stdout, report, watch, captures = [], actions = {}, signal } = options
  const { clock = systemClock, onAttached, onDropped, isOff = () => false, onMatch = () => {} } = options
  const atTerminal = stdin.isTTY === true
  const notices = createNotices(report)
  let { onOutput } = options
  using modes = watchTerminalModes(stdout)

  let attachedMs = 0

  /** One session, from its line to its end. */
  async function holdSession(first: boolean): Promise<RelayEnding> {
    const line: Line = await reachLine({ ...options, clock, notices, terminal: atTerminal ? stdout : undefined })
    await using connection = line.connection
    if (first) for (const said of readBanner(connection.banner)) if (said !== '') report.info(said)
    report.detail(`console: attached to ${describePlace(address)}`)
    attachedMs = clock.monotonicMs()
    onAttached?.()
    if (!first) notices.say('console: attached again')
    else if (atTerminal) report.info('At the console now: ~. on a new line leaves it, ~? helps.')
    return await relay(line, {
      stdin,
      stdout,
      report,
      notices,
      watch,
      captures,
      modes,
      actions,
      onMatch,
      onOutput: () => {
        onOutput?.()
        onOutput = undefined
      },
      signal,
    })
  }

  let pauseMs = firstPauseMs
  for (let session = 1; ; session++) {
    const ending = await holdSession(session === 1)
    if (ending.kind !== 'dropped') return ending
    onDropped?.(ending.why)
    signal.throwIfAborted()
    if (clock.monotonicMs() - attachedMs > shortSessionMs) pauseMs = firstPauseMs
    await clock.sleep(firstPauseMs, signal)
    while (isOff()) await clock.sleep(firstPauseMs, signal)
    const leave = atTerminal ? ' (Ctrl-C leaves)' : ''
    notices.say(`console: the session ended: ${ending.why}; attaching again${leave} ...`)
    await clock.sleep(pauseMs - firstPauseMs, signal)
    pauseMs = Math.min(pauseMs * 2, maxPauseMs)
  }
}
