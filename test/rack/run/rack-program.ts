// `metalkit rack` as users run it, in a network namespace of its own, and clients beside it.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { stringify } from 'yaml'
import { quoteValue } from '../../../src/text/shell-word.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { program } from '../../helpers/program.ts'

/** What a client printed, and how it ended. */
export interface Client {
  code: Promise<number>
  seen: { out: string; err: string }
  process: ChildProcess
}

/** An answer of the API; `json` is `{}` if there is no body. */
export interface Answer {
  status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read fields of answers
  json: any
}

/** Where the program runs. */
export interface Place {
  /** For its files; the rack file lies in it. */
  folder: string
  /** Words before each program, such as nsenter's. */
  before: readonly string[]
}

/** The password of all BMCs, in a variable of the rack's environment. */
export const bmcPassword = 'Hush-Hush-4711'

/** A rack, which may be started more than once. */
export class RackProgram implements AsyncDisposable {
  readonly #place: Place
  readonly #file: string
  #server: Client | undefined
  #seen: Client['seen'] | undefined
  #env: Record<string, string> = {}

  constructor(place: Place, content: unknown) {
    this.#place = place
    mkdirSync(join(place.folder, 'home'), { recursive: true })
    this.#file = join(place.folder, 'rack.yaml')
    writeFileSync(this.#file, stringify(content))
  }

  /** Starts a program in the namespace, which ends with the test's process. */
  spawn(words: readonly string[], env: Record<string, string> = {}): Client {
    const { folder, before } = this.#place
    const home = join(folder, 'home')
    const clean = { PATH: process.env['PATH'] ?? '', HOME: home, XDG_STATE_HOME: join(home, 'state'), ...env }
    const all = ['--pdeathsig', 'KILL', ...before, ...words]
    const child = spawn('setpriv', all, { cwd: folder, env: clean, stdio: ['pipe', 'pipe', 'pipe'] })
    const seen = { out: '', err: '' }
    child.stdout.on('data', (bytes: Buffer) => (seen.out += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (seen.err += bytes.toString()))
    child.stdin.on('error', () => {})
    const code = once(child, 'close').then(() => child.exitCode ?? Number.NaN)
    return { code, seen, process: child }
  }

  /** Runs metalkit with the environment of the rack. */
  metalkit(...words: string[]): Client {
    return this.spawn([process.execPath, program, ...words], this.#env)
  }

  /** Starts a rack on the file, whether or not one runs. */
  rack(...words: string[]): Client {
    return this.spawn([process.execPath, program, 'rack', ...words, this.#file], { BMC_PASSWORD: bmcPassword })
  }

  /** Starts the rack, and waits until its API answers. */
  async start(...words: string[]): Promise<void> {
    const server = this.rack('-v', ...words)
    this.#server = server
    this.#seen = server.seen
    await waitUntil(
      () => (server.process.exitCode === null ? server.seen.err : `ended: ${server.seen.err}`),
      (text) => {
        if (text.startsWith('ended')) throw new Error(text)
        return text.includes('In another shell')
      },
    )
    if (this.projectId === '') this.#env = await this.#readEnvironment()
  }

  async #readEnvironment(): Promise<Record<string, string>> {
    const client = this.spawn([
      'sh',
      '-c',
      `eval "$(${quoteValue(process.execPath)} ${quoteValue(program)} rack env)" && env -0`,
    ])
    if ((await client.code) !== 0) throw new Error(client.seen.err)
    const pairs = client.seen.out.split('\0').map((line): [string, string] => {
      const [name = '', value = ''] = line.split(/=(.*)/s)
      return [name, value]
    })
    return Object.fromEntries(pairs.filter(([name]) => /^METAL_|_CA_|CERT/.test(name)))
  }

  /** Whether it was started, and not ended since. */
  get isRunning(): boolean {
    return this.#server !== undefined
  }

  /** What the rack has printed since its last start. */
  get log(): string {
    return this.#seen?.err ?? ''
  }

  /** Sends a signal to the rack, and waits for its end. @returns its exit code */
  async end(signal: 'SIGINT' | 'SIGKILL' = 'SIGKILL'): Promise<number> {
    const server = this.#server
    this.#server = undefined
    server?.process.kill(signal)
    return (await server?.code) ?? 0
  }

  get projectId(): string {
    return this.#env['METAL_PROJECT_ID'] ?? ''
  }

  /** Sends a request to the API. */
  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const { METAL_API_URL: url = '', METAL_API_TOKEN: token = '' } = this.#env
    const head = ['-H', `x-auth-token: ${token}`, '-H', 'content-type: application/json']
    const data = body === undefined ? [] : ['--data-binary', JSON.stringify(body)]
    const words = ['curl', '--silent', '--show-error', '--max-time', '30', '-X', method, ...head, ...data]
    const text = await this.#run([...words, '-w', '\n%{http_code}', `${url}${path}`])
    const [, json = '', status = ''] = /^(.*)\n(\d+)$/s.exec(text) ?? []
    return { status: Number(status), json: json === '' ? {} : JSON.parse(json) }
  }

  async #run(words: readonly string[]): Promise<string> {
    const [file = '', ...args] = [...this.#place.before, ...words]
    return await new Promise((resolve, reject) => {
      execFile(file, args, { maxBuffer: 2 ** 24 }, (error, stdout) =>
        error === null ? resolve(stdout) : reject(error),
      )
    })
  }

  /** Requests a device. */
  async create(more: Record<string, unknown> = {}): Promise<Answer> {
    const script = '#!ipxe\nshell'
    const body = { plan: 'small', metro: 'home', operating_system: 'custom_ipxe', userdata: script, ...more }
    return await this.call('POST', `/projects/${this.projectId}/devices`, body)
  }

  /** The state of a device, or `gone`. */
  async stateOf(id: string): Promise<string> {
    const { status, json } = await this.call('GET', `/devices/${id}`)
    return status === 404 ? 'gone' : String(json.state)
  }

  async waitForState(id: string, state: string): Promise<void> {
    try {
      await waitUntil(
        () => this.stateOf(id),
        (now) => now === state || (now === 'failed' && state === 'active'),
      )
      expect(await this.stateOf(id)).toBe(state)
    } catch (error) {
      const texts = await this.eventsOf(id).catch(() => [])
      throw new Error([`not ${state}`, ...texts, this.log].join('\n'), { cause: error })
    }
  }

  async eventsOf(id: string): Promise<string[]> {
    const { json } = await this.call('GET', `/devices/${id}/events?per_page=100`)
    return json.events.map(({ body }: { body: string }) => body)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }
}
