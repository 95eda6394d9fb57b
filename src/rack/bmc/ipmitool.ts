// IPMI through ipmitool: the password only in the child's environment, a cipher suite that works, and its errors in other words.
import { formatAddress } from '../../address.ts'
import { heed } from '../../deadline.ts'
import { UsageError } from '../../errors.ts'
import type { IpmiSettings } from '../file/power-settings.ts'
import { readSecret, type SecretSources } from '../file/secret.ts'
import { BmcError } from './bmc-error.ts'
import { answersIpmi } from './presence.ts'
import { plainEnvironment, runProgram } from './program.ts'

/** SHA-256 where the BMC has it, else what every BMC of IPMI 2.0 has. */
const usualCiphers = [17, 3]
/** IPMI 2.0, 13.26: a password has 20 bytes at most. */
const maxPasswordBytes = 20
const commandTimeoutMs = 45_000

/** The parts of a BMC's login besides its settings. */
export interface IpmiTools {
  /** The machine's name. */
  machine: string
  secrets: SecretSources
}

/** The BMC in messages. */
export function describeBmc(machine: string, place: string): string {
  return `the BMC of "${machine}" at "${place}"`
}

/** The BMC's own reason for a refusal, such as `Invalid command`; undefined if there is none. */
function findRefusal(stderr: string): string | undefined {
  const line = stderr.split('\n').findLast((text) => /rsp=0x|failed: |payload: |Error/.test(text))
  return line === undefined ? undefined : /: ([A-Z][A-Za-z ,()/-]+)$/.exec(line.trim())?.[1]
}

/** The error for a computer without ipmitool. */
export function refuseMissing(): BmcError {
  return new BmcError('failed', 'ipmitool is not installed', { hint: 'install it (Debian: apt-get install ipmitool)' })
}

/** ipmitool for one BMC. Commands run one after the other: many BMCs answer only one session well. */
export class Ipmi {
  readonly name: string
  readonly #settings: IpmiSettings
  readonly #tools: IpmiTools
  #cipher: number | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(settings: IpmiSettings, tools: IpmiTools) {
    this.#settings = settings
    this.#tools = tools
    this.#cipher = settings.cipher
    const { host, port } = settings.address
    this.name = describeBmc(tools.machine, port === 623 ? host : formatAddress({ host, port }))
  }

  /** The suite that worked last. */
  get cipher(): number | undefined {
    return this.#cipher
  }

  async #environment(): Promise<Record<string, string>> {
    const { machine, secrets } = this.#tools
    const password = await readSecret(this.#settings.password, `the BMC password of "${machine}"`, secrets)
    if (Buffer.byteLength(password) > maxPasswordBytes) {
      throw new UsageError(
        `the BMC password of "${machine}" is longer than ${maxPasswordBytes} bytes, which IPMI does not allow`,
      )
    }
    return { ...plainEnvironment(secrets.env), IPMI_PASSWORD: password }
  }

  #args(cipher: number, words: readonly string[]): string[] {
    const { address, user } = this.#settings
    const login = [
      '-I',
      'lanplus',
      '-H',
      address.host,
      '-p',
      String(address.port),
      '-U',
      user,
      '-E',
      '-C',
      String(cipher),
    ]
    return [...login, '-L', 'ADMINISTRATOR', '-N', '1', '-R', '3', ...words]
  }

  /** The arguments and environment of ipmitool for a session that stays open. Run a command first: it finds the cipher suite. @throws UsageError */
  async session(words: readonly string[]): Promise<{ args: string[]; env: Record<string, string> }> {
    const [fallback = 3] = usualCiphers.slice(-1)
    return { args: this.#args(this.#cipher ?? fallback, words), env: await this.#environment() }
  }

  /** Runs a command. @returns its output @throws BmcError in words, or the signal's reason */
  async run(words: readonly string[], signal: AbortSignal): Promise<string> {
    const before = this.#last
    const running = before.then(() => this.#tryCiphers(words, signal))
    this.#last = running.catch(() => {})
    await heed(before, signal)
    return await running
  }

  async #tryCiphers(words: readonly string[], signal: AbortSignal): Promise<string> {
    const env = await this.#environment()
    const ciphers = this.#cipher === undefined ? usualCiphers : [this.#cipher]
    for (const cipher of ciphers) {
      const output = await this.#runOnce(cipher, words, env, signal)
      if (output === undefined) continue
      this.#cipher = cipher
      return output
    }
    // The BMC may have been updated: the next command looks for a suite again.
    this.#cipher = this.#settings.cipher
    throw new BmcError(
      'login',
      `${this.name} does not accept the user "${this.#settings.user}", its password, or cipher suite ${ciphers.join(' or ')}`,
      {
        hint: 'check them in its web page; the user needs IPMI over LAN as administrator',
      },
    )
  }

  /** @returns the output; undefined if the BMC is there and accepts no login with this suite */
  async #runOnce(
    cipher: number,
    words: readonly string[],
    env: Record<string, string>,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    // ipmitool takes 20 s to find out.
    if (!(await answersIpmi(this.#settings.address, signal))) throw this.#silence()
    const args = this.#args(cipher, words)
    const invocation = { program: 'ipmitool', args, env, timeoutMs: commandTimeoutMs, signal }
    const { end, code, stdout, stderr } = await runProgram(invocation)
    if (end === 'missing') throw refuseMissing()
    if (end === 'refused') throw new BmcError('failed', `ipmitool cannot be started: ${stderr}`)
    if (end === 'exited' && code === 0) return stdout
    if (end === 'exited' && !/Unable to establish/.test(stderr)) {
      // It has let us in.
      this.#cipher = cipher
      const refusal = findRefusal(stderr)
      const what = words.slice(0, 3).join(' ')
      if (refusal !== undefined) throw new BmcError('refused', `${this.name} refuses "${what}": ${refusal}`)
      if (await answersIpmi(this.#settings.address, signal)) {
        throw new BmcError('failed', `${this.name} did not complete "${what}"`)
      }
    } else if (await answersIpmi(this.#settings.address, signal)) {
      if (end === 'late')
        throw new BmcError('unreachable', `${this.name} is too slow: no result within ${commandTimeoutMs / 1000} s`)
      return undefined
    }
    throw this.#silence()
  }

  #silence(): BmcError {
    return new BmcError('unreachable', `${this.name} does not answer`, {
      hint: 'check its address, its cable, and that IPMI over LAN is enabled',
    })
  }
}
