// A console over Serial-over-LAN: `ipmitool sol activate` as a subprocess. It ends by itself once its input ends, also if this
// program is killed, and so gives the session back to the BMC.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import type { Address } from '../../address.ts'
import type { Clock } from '../../clock.ts'
import { heed, settleBefore } from '../../deadline.ts'
import { describeCondition, errorCode } from '../../text/system-error.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import { type Ipmi, refuseMissing } from '../bmc/ipmitool.ts'
import { answersIpmi } from '../bmc/presence.ts'
import { LinkError } from './console-error.ts'
import { type Connect, type Link, type LinkHooks, maxWaitingInput } from './link.ts'
import { SolInput, SolOutput } from './sol-stream.ts'

/** How long ipmitool may take to give the session back. */
const goodbyeMs = 3000
/** ipmitool notices after a minute that its BMC is gone. */
const presenceMs = 5000
const absencesToLose = 2
const maxErrorText = 8192
/**
 * An open session makes the terminal raw, and complains that its input is not a terminal. The greeting on stdout is no sign: ipmitool keeps it
 * until the machine prints something.
 */
const openingWords = 'tcgetattr'

/** ipmitool's reasons in other words. */
const reasons: readonly [RegExp, string][] = [
  [/already active on another session/, 'another session has the console and does not give it up'],
  [
    /payload disabled/i,
    'Serial over LAN is disabled (enable it in the setup of the BMC), or off while the machine is off',
  ],
  [/activation limit reached/, 'the BMC has no session left; close others, or restart the BMC'],
  [/with encryption|without encryption/, 'the BMC refuses the encryption of the session; set another cipher'],
  [/No response|closed by BMC|Unable to establish|timeout/i, 'the BMC ended the session or does not answer'],
]

/** Why ipmitool ended, by what it printed. */
function explainEnd(stderr: string): string {
  const known = reasons.find(([pattern]) => pattern.test(stderr))
  if (known !== undefined) return known[1]
  const line = stderr
    .split('\n')
    .filter((text) => text.trim() !== '' && !text.startsWith('tcgetattr'))
    .at(-1)
  return line === undefined ? 'the session ended' : `the session ended: ${JSON.stringify(line.slice(0, 200))}`
}

/** One session. */
class SolSession {
  readonly output = new SolOutput()
  readonly child: ChildProcessWithoutNullStreams
  /** Fulfilled once ipmitool has ended. */
  readonly ended: Promise<string>
  #stderr = ''
  #onOpen = (): void => {}

  constructor({ args, env }: { args: readonly string[]; env: Record<string, string> }) {
    // A group of its own: Ctrl-C in the terminal must not reach it before this program has decided what that means.
    this.child = spawn('ipmitool', args, { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    this.child.stdin.on('error', () => {})
    this.child.stderr.on('data', (bytes: Buffer) => {
      if (this.#stderr.length < maxErrorText) this.#stderr += bytes.toString()
      if (this.#stderr.includes(openingWords)) this.#onOpen()
    })
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(`ipmitool cannot be started: ${describeCondition(error)}`))
      this.child.once('close', () => resolve(explainEnd(this.#stderr)))
    })
  }

  get isRunning(): boolean {
    const { pid, exitCode, signalCode } = this.child
    return pid !== undefined && exitCode === null && signalCode === null
  }

  kill(): void {
    if (this.isRunning) this.child.kill('SIGKILL')
  }

  /** Waits until it is open. @throws LinkError, or the signal's reason */
  async open({ onOutput, signal }: LinkHooks): Promise<void> {
    const opening = new Promise<void>((resolve, reject) => {
      this.child.once('error', (error) => {
        if (errorCode(error) === 'ENOENT') reject(refuseMissing())
      })
      this.child.stdout.on('data', (chunk: Buffer) => {
        try {
          const bytes = this.output.decode(chunk)
          if (bytes.length > 0) onOutput(bytes)
        } catch (error) {
          reject(error)
        }
      })
      this.#onOpen = resolve
      void this.ended.then((why) => reject(new LinkError(why)))
    })
    await heed(opening, signal)
  }

  /** Ends the session in order. */
  async close(): Promise<void> {
    this.child.stdin.end()
    await settleBefore<unknown>({ ms: goodbyeMs, late: () => {} }, (resolve) => void this.ended.then(resolve))
    this.kill()
    await this.ended
  }
}

/** Fulfilled once the BMC does not answer; also by its end of the session. */
async function watchPresence(address: Address, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let absences = 0; absences < absencesToLose;) {
    await clock.sleep(presenceMs, signal)
    absences = (await answersIpmi(address, signal)) ? 0 : absences + 1
  }
}

interface SolOptions {
  ipmi: Ipmi
  address: Address
  clock: Clock
}

/** Connects through a BMC. Takes the console over from any other session: a killed session would hold it for a long time. */
export function connectSol({ ipmi, address, clock }: SolOptions): Connect {
  return async (hooks): Promise<Link> => {
    await ipmi.run(['sol', 'deactivate'], hooks.signal).catch((error: unknown) => {
      // Nothing was active.
      if (!(error instanceof BmcError) || !['refused', 'failed'].includes(error.reason)) throw error
    })
    const session = new SolSession(await ipmi.session(['sol', 'activate']))
    try {
      await session.open(hooks)
    } catch (error) {
      session.kill()
      throw error
    }
    const input = new SolInput()
    const over = new AbortController()
    const write = (bytes: Buffer) => {
      const { stdin } = session.child
      if (stdin.writable && stdin.writableLength < maxWaitingInput) stdin.write(bytes)
    }
    const gone = watchPresence(address, clock, over.signal).then(
      () => `${ipmi.name} does not answer`,
      () => session.ended,
    )
    return {
      type: (bytes) => write(input.encode(bytes)),
      sendBreak() {
        session.output.expectEcho()
        write(input.encodeBreak())
        return true
      },
      lost: Promise.race([session.ended, gone]),
      async close() {
        over.abort()
        await session.close()
      },
    }
  }
}
