// Attaches to a machine's serial console, and stays attached.
import { replaceControls } from '../text/plain-text.ts'
import { readMissed } from './missed-output.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { Input, Output, Reporter } from '../io.ts'
import { type SerialShell, reachLine } from './attempts.ts'
import type { Capture } from './capture.ts'
import { quoteAddress } from '../ssh/connect-error.ts'
import type { HostAccess } from '../ssh/connection.ts'
import type { MachineActions } from './keyboard.ts'
import { relay, type RelayEnding } from './relay.ts'
import { watchTerminalModes } from './terminal-modes.ts'
import type { Watch } from './watch.ts'

/** Why a console ended: the user left, all patterns appeared, or a failure appeared. */
export type ConsoleEnding = Exclude<RelayEnding, { kind: 'dropped' }>

/** The console, the user, and the streams. */
export interface AttachConsoleOptions extends HostAccess {
  /** For SOS, the user name is the device's ID. */
  username: string
  stdin: Input
  stdout: Output
  report: Reporter
  /** Ends the session when a pattern appears, and sends replies. */
  watch?: Watch
  /** Each receives all of the machine's output. */
  captures?: readonly Capture[]
  actions?: MachineActions
  /** How long to try while the console is not yet, or no longer, available. */
  connectTimeoutMs: number
  /** Called each time the serial line opens. */
  onAttached?: () => void
  /** Called each time the line is lost, before it is opened again. */
  onDropped?: (why: string) => void
  /** Whether the machine was off when last polled: then its session ended with it, and the console waits silently. */
  isOff?: () => boolean
  onMatch?: (pattern: RegExp) => void
  /** The machine's output before the console was reached, '' if it is not known; asked for once. */
  readHistory?: ((signal: AbortSignal) => Promise<string>) | undefined
  /** Called once, before the machine's first bytes are printed. */
  onOutput?: () => void
  signal: AbortSignal
  clock?: Clock
}

/** A shorter session counts as none: the server needs a pause. */
const shortSessionMs = 10_000
/** Longer than the interval between polls of the machine. */
const firstPauseMs = 2500
const maxPauseMs = 30_000

/** Removes control characters that a server may have put into its banner. */
function readBanner(banner: string): string[] {
  return banner.split('\n').map((line) => replaceControls(line, '').trimEnd())
}

/**
 * Attaches to a console as soon as possible, and stays: a dropped session is reopened until the signal aborts.
 * A terminal is in raw mode meanwhile, and `~.` leaves; otherwise stdin is typed into the machine, and its end does not end the session.
 * @throws ConsoleError if it cannot be reached or trusted, or the signal's reason
 */
export async function attachConsole(options: AttachConsoleOptions): Promise<ConsoleEnding> {
  const { address, stdin, stdout, report, watch, captures = [], actions = {}, signal } = options
  const { clock = systemClock, onAttached, onDropped, isOff = () => false, onMatch = () => {} } = options
  const atTerminal = stdin.isTTY === true
  // In a terminal metalkit's own lines are dim, so that they differ from the machine's output.
  const say = (line: string) => report.info(report.live ? `\u001b[2m${line}\u001b[22m` : line)
  let { onOutput } = options
  using modes = watchTerminalModes(stdout)

  let attachedMs = 0

  /** One session, from opening the line to its end. */
  async function holdSession(first: boolean): Promise<RelayEnding> {
    const line: SerialShell = await reachLine({ ...options, clock, say, terminal: atTerminal ? stdout : undefined })
    await using connection = line.connection
    if (first) for (const said of readBanner(connection.banner)) if (said !== '') report.info(said)
    report.detail(`console: attached to ${quoteAddress(address)}`)
    attachedMs = clock.monotonicMs()
    onAttached?.()
    if (!first) say('console: attached again')
    else if (atTerminal) report.info('Attached to the console: type ~. on a new line to leave, ~? for help.')
    const { readHistory } = options
    const before = first && readHistory ? await readMissed(line.channel, readHistory, signal) : undefined
    return await relay(line, {
      before,
      stdin,
      stdout,
      report,
      say,
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
    say(`console: the session ended: ${ending.why}; attaching again${leave} ...`)
    await clock.sleep(pauseMs - firstPauseMs, signal)
    pauseMs = Math.min(pauseMs * 2, maxPauseMs)
  }
}
