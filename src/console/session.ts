// Attaching to a machine's serial console.
import type { Input, Output, Reporter } from '../io.ts'
import { reachLine } from './attempts.ts'
import { describePlace } from './connect-error.ts'
import type { Identities } from './identities.ts'
import type { HostPort, KnownHosts } from './known-hosts.ts'
import { createMatcher } from './matcher.ts'
import { type ConsoleEnding, relay } from './relay.ts'

export type { ConsoleEnding } from './relay.ts'

/** Which console, as whom, and between which streams. */
export interface AttachConsoleOptions {
  address: HostPort
  /** To SOS the device's id is the user. */
  username: string
  knownHosts: KnownHosts
  identities: Identities
  stdin: Input
  stdout: Output
  report: Reporter
  /** Ends the session with 'matched' once what a person would read shows it. */
  waitFor?: RegExp
  /** How long to try for while the console is not there yet. */
  connectTimeoutMs: number
  /** Called when the serial line is open. */
  onAttached?: () => void
  /** Called once, before the first bytes of the machine are shown. */
  onOutput?: () => void
  signal: AbortSignal
}

/** Without the control characters a server may have put into it. */
function readBanner(banner: string): string[] {
  // oxlint-disable-next-line no-control-regex -- they are what is taken out
  return banner.split('\n').map((line) => line.replace(/[\u0000-\u001f\u007f-\u009f]/g, '').trimEnd())
}

/**
 * Attaches to a console, as soon as it lets us, until the user leaves, the pattern shows or the server ends the session.
 * At a terminal it is raw meanwhile and `~.` leaves; elsewhere stdin is typed into the machine and its end ends nothing.
 * @throws ConsoleError where it cannot be reached or trusted or the session breaks off, or the signal's reason
 */
export async function attachConsole(options: AttachConsoleOptions): Promise<ConsoleEnding> {
  const { address, stdin, stdout, report, waitFor, onAttached, onOutput, signal } = options
  const atTerminal = stdin.isTTY === true
  const line = await reachLine({ ...options, terminal: atTerminal ? stdout : undefined })
  await using connection = line.connection
  for (const said of readBanner(connection.banner)) if (said !== '') report.info(said)
  report.detail(`console: attached to ${describePlace(address)}`)
  onAttached?.()
  if (atTerminal) report.info('At the console now: ~. on a new line leaves it, ~? helps.')
  return await relay(line, {
    stdin,
    stdout,
    report,
    matcher: waitFor === undefined ? undefined : createMatcher(waitFor),
    onOutput,
    signal,
  })
}
