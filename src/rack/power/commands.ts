// Power by programs of the user's: smart plugs, PiKVM, virsh.
import type { Clock } from '../../clock.ts'
import { plainText } from '../../text/plain-text.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import { plainEnvironment, runProgram } from '../bmc/program.ts'
import type { PowerCommand, CommandSettings } from '../file/power-settings.ts'
import { readSecret, type SecretSources } from '../file/secret.ts'
import type { BootOverride, MachineIdentity, Power, PowerState } from './power.ts'
import { switchPower } from './settle.ts'

interface CommandTools {
  /** The machine's name. */
  machine: string
  secrets: SecretSources
  clock: Clock
}

type Act = 'on' | 'off' | 'status' | 'softOff' | 'reset' | 'boot' | 'clearBoot'

const maxLineLength = 200

/** A text without secrets. It must not have been cut before, or a part of a secret may be left. */
function hideSecrets(text: string, secrets: readonly string[]): string {
  const longestFirst = secrets.toSorted((a, b) => b.length - a.length)
  return longestFirst.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
}

/** A text as a message quotes it: on one line, and not too long. */
function quote(text: string): string {
  return plainText(text.trim()).slice(0, maxLineLength)
}

/** Power through commands. Their folder is the rack file's; MACHINE is the machine's name. */
export class CommandPower implements Power {
  readonly #settings: CommandSettings
  readonly #tools: CommandTools
  readonly softOff?: (signal: AbortSignal) => Promise<void>
  readonly reset?: (signal: AbortSignal) => Promise<void>

  constructor(settings: CommandSettings, tools: CommandTools) {
    this.#settings = settings
    this.#tools = tools
    const { softOff, reset } = settings
    if (reset !== undefined) this.reset = async (signal) => void (await this.#run('reset', reset, signal))
    if (softOff !== undefined) this.softOff = async (signal) => void (await this.#run('softOff', softOff, signal))
  }

  /** Runs a command that must succeed. @returns its output, also as messages may show it */
  async #run(act: Act, command: PowerCommand, signal: AbortSignal): Promise<{ output: string; hidden: string }> {
    const { machine, secrets, clock } = this.#tools
    const own: Record<string, string> = {}
    for (const [name, secret] of Object.entries(this.#settings.env)) {
      own[name] = await readSecret(secret, `the variable ${name} of "${machine}"`, secrets)
    }
    const [program, ...args]: readonly [string, ...string[]] =
      typeof command === 'string' ? ['/bin/sh', '-c', command] : command
    const { end, code, stdout, stderr } = await runProgram({
      program,
      args,
      env: { ...plainEnvironment(secrets.env), MACHINE: machine, ...own },
      cwd: secrets.folder,
      timeoutMs: clock.toRealMs(this.#settings.timeoutMs),
      signal,
    })
    const values = Object.values(own)
    if (end === 'exited' && code === 0) return { output: stdout, hidden: hideSecrets(stdout, values) }
    const what = `the command "${act}" of "${machine}"`
    const ways = {
      exited: `ended with exit code ${code}`,
      killed: 'was killed',
      late: `did not end within ${this.#settings.timeoutMs / 1000} s, and was killed`,
      missing: `cannot be started: "${program}" is not a program`,
      refused: 'cannot be started',
    }
    const line = quote(hideSecrets(stderr, values).trim().split('\n').at(-1) ?? '')
    throw new BmcError('failed', `${what} ${ways[end]}${line === '' ? '' : `: ${line}`}`)
  }

  async status(signal: AbortSignal): Promise<PowerState> {
    const { output, hidden } = await this.#run('status', this.#settings.status, signal)
    // Words and no exit codes: a command that fails for another reason must not say "off".
    const word = output.trim().toLowerCase()
    if (word === 'on' || word === 'off') return word
    throw new BmcError(
      'failed',
      `the command "status" of "${this.#tools.machine}" printed "${quote(hidden)}", not on or off`,
    )
  }

  async on(signal: AbortSignal): Promise<void> {
    await this.#switch('on', signal)
  }

  async off(signal: AbortSignal): Promise<void> {
    await this.#switch('off', signal)
  }

  async #switch(want: 'on' | 'off', signal: AbortSignal): Promise<void> {
    const name = `the command "status" of "${this.#tools.machine}"`
    const wanted = { name, want, power: this, clock: this.#tools.clock, signal }
    await switchPower(wanted, () => this.#run(want, this.#settings[want], signal))
  }

  async bootFromNetworkOnce(signal: AbortSignal): Promise<BootOverride> {
    const { boot } = this.#settings
    if (boot !== undefined) await this.#run('boot', boot, signal)
    return { persistent: false }
  }

  async clearBoot(signal: AbortSignal): Promise<void> {
    const { clearBoot } = this.#settings
    if (clearBoot !== undefined) await this.#run('clearBoot', clearBoot, signal)
  }

  async identify(): Promise<MachineIdentity> {
    return { macs: [], uuids: [] }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
