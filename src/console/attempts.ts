// Retries until the console is available: a provisioning machine has none yet, and SOS allows one session at a time.
import type { ClientChannel } from 'ssh2'
import { settleBefore } from '../deadline.ts'
import type { Clock } from '../clock.ts'
import type { Output, Reporter } from '../io.ts'
import { ConnectError, quoteAddress, type FailureReason } from '../ssh/connect-error.ts'
import { connect, type SshConnection, type ConnectOptions } from '../ssh/connection.ts'

const intervalMs = 2000
/** The timeout of one attempt; a server that accepts and then stays silent counts as a failure. */
const attemptTimeoutMs = 20_000
/** A new machine's keys take a moment to reach its console. */
const propagationMs = 15_000

/** How long to retry after each kind of failure. */
function patienceMs(reason: FailureReason, connectTimeoutMs: number): number {
  switch (reason) {
    case 'refused':
    case 'unreachable':
    case 'timeout':
    case 'dropped':
    case 'busy':
      return connectTimeoutMs
    case 'authentication':
      return Math.min(propagationMs, connectTimeoutMs)
    case 'name':
    case 'host-key':
    case 'protocol':
      return 0
    default:
      return reason satisfies never
  }
}

/** An open serial line. */
export interface SerialShell {
  connection: SshConnection
  channel: ClientChannel
}

interface LineOptions extends ConnectOptions {
  /** The terminal to request on the server; undefined for none. */
  terminal: Output | undefined
}

/** The exit status of a server without a free session: sysexits.h's EX_TEMPFAIL. */
const busyStatus = 75
/** A server that has not refused within this time accepts. */
const silentMs = 100

/** Whether the server refuses the session at once, because another session has the console. Its message stays readable. */
async function isBusy(channel: ClientChannel): Promise<boolean> {
  let stopListening: (() => unknown) | undefined
  const status = await settleBefore<unknown>({ ms: silentMs, late: () => undefined }, (resolve) => {
    const onReadable = () => resolve(undefined)
    channel.on('readable', onReadable).on('exit', resolve)
    stopListening = () => channel.off('readable', onReadable).off('exit', resolve)
  })
  stopListening?.()
  // Until the next turn, Node assumes a reader.
  await new Promise((resolve) => setImmediate(resolve))
  return status === busyStatus
}

/** Opens the shell that is the serial line. @throws ConnectError, with reason `busy` if the server has no session free */
async function openShell(connection: SshConnection, { address, terminal, signal, timeoutMs }: LineOptions) {
  const place = quoteAddress(address)
  // A terminal of unknown size reports 0.
  const cols = terminal?.columns || 80
  const rows = terminal?.rows || 24
  const window = terminal === undefined ? false : { term: 'vt100', cols, rows, width: 0, height: 0, modes: {} }
  const late = () => {
    throw new ConnectError('timeout', `${place} does not open the console`)
  }
  let busy: Promise<boolean> | undefined
  const channel = await settleBefore<ClientChannel>({ ms: timeoutMs, late, signal }, (resolve, reject) => {
    connection.client.shell(window, (error, opening) => {
      if (error === undefined) {
        // Immediately, because a refusal may be in the same packet.
        busy = isBusy(opening)
        return resolve(opening)
      }
      const refused = new ConnectError('busy', `${place} refuses to open the console`, { cause: error })
      return reject(connection.failure() ?? refused)
    })
  })
  if (await busy) {
    throw new ConnectError(
      'busy',
      `${place}: another session is using this console; close it there first (~., or "Let go" in the page)`,
    )
  }
  return channel
}

async function openLine(options: LineOptions): Promise<SerialShell> {
  const connection = await connect(options)
  try {
    return { connection, channel: await openShell(connection, options) }
  } catch (error) {
    await connection[Symbol.asyncDispose]()
    throw error
  }
}

/** How to reach the line, and for how long to try. */
export interface ReachOptions extends Omit<LineOptions, 'timeoutMs'> {
  report: Reporter
  /** Prints a line of metalkit's own beside the machine's output. */
  say: (line: string) => void
  connectTimeoutMs: number
  clock: Clock
}

/**
 * Opens the serial line, retrying every two seconds while that may help; reports each new reason, and with -v every retry.
 * @throws ConnectError of the last try, or the signal's reason
 */
export async function reachLine(options: ReachOptions): Promise<SerialShell> {
  const { report, say, connectTimeoutMs, signal, clock } = options
  const started = clock.monotonicMs()
  let said = ''
  for (;;) {
    const left = connectTimeoutMs - (clock.monotonicMs() - started)
    try {
      return await openLine({ ...options, timeoutMs: Math.max(1, Math.min(left, attemptTimeoutMs)) })
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error
      const elapsed = clock.monotonicMs() - started
      if (elapsed + intervalMs >= patienceMs(error.reason, connectTimeoutMs)) throw error
      const line = `console: ${error.message}; trying again every ${intervalMs / 1000} s`
      if (line === said) report.detail(line)
      else say(line)
      said = line
    }
    await clock.sleep(intervalMs, signal)
  }
}
