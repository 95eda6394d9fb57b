// A machine as its wires show it to a BMC, a smart plug or a person: it is on or off whoever looks, and goes on if its BMC dies. A
// program in its folder, `machine`, is the wires: `machine set power 1`, `machine get power boot`, `machine status`.
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { close } from '../../helpers/port.ts'

/** A machine that runs. */
export interface Running {
  /** Fulfilled once it is off, whatever the cause. */
  ended: Promise<unknown>
  cut(): Promise<void>
  reset(): void
}

/** What runs in a machine from power on. `fromNetwork` says whether the next boot is to be one from the network; `disc` is the URL of the disc that it boots instead. */
export type Start = (fromNetwork: boolean, disc?: string) => Running

/** The wires of a machine. */
export class WiredMachine implements AsyncDisposable {
  readonly folder: string
  /** The program that works the wires. */
  readonly program: string
  /** Each request, such as `set power 1`. */
  readonly words: string[] = []
  /** How often it was switched on. */
  starts = 0
  /** Called before a request takes effect, and after; what it throws is the answer of broken wires. */
  onWord: (word: string, when: 'before' | 'after') => Promise<void> | void = () => {}
  boot = 'none'
  /** The URL of the disc in its drive. */
  disc: string | undefined
  readonly #start: Start
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  #running: Running | undefined

  constructor(folder: string, start: Start) {
    this.folder = folder
    this.program = join(folder, 'machine')
    this.#start = start
  }

  get isOn(): boolean {
    return this.#running !== undefined
  }

  /** The `commands` of a rack file that work the wires. */
  get commands(): Record<'on' | 'off' | 'status' | 'boot' | 'clearBoot', string[]> {
    return {
      on: [this.program, 'set', 'power', '1'],
      off: [this.program, 'set', 'power', '0'],
      status: [this.program, 'status'],
      boot: [this.program, 'set', 'boot', 'pxe'],
      clearBoot: [this.program, 'set', 'boot', 'none'],
    }
  }

  /** Lays the wires. */
  async open(): Promise<this> {
    mkdirSync(this.folder, { recursive: true })
    const socket = join(this.folder, 'wires')
    this.#server.listen(socket)
    await once(this.#server, 'listening')
    const curl = `curl --fail --silent --show-error --max-time 60 --unix-socket '${socket}'`
    writeFileSync(this.program, `#!/bin/sh\nexec ${curl} --data-binary "$*" http://machine/\n`)
    chmodSync(this.program, 0o755)
    return this
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    // ipmi_sim names its device first.
    const word = text.replace(/^0x\S+ /, '')
    this.words.push(word)
    try {
      await this.onWord(word, 'before')
      const answer = await this.#obey(word.split(' '))
      await this.onWord(word, 'after')
      response.end(answer)
    } catch (error) {
      response.writeHead(500).end(String(error))
    }
  }

  async #obey([verb, ...rest]: string[]): Promise<string> {
    if (verb === 'status') return this.isOn ? 'on\n' : 'off\n'
    if (verb === 'get') {
      const values = new Map([
        ['power', this.isOn ? '1' : '0'],
        ['boot', this.boot],
      ])
      return rest.map((name) => `${name}:${values.get(name) ?? ''}\n`).join('')
    }
    for (let at = 0; at + 1 < rest.length; at += 2) await this.#set(rest[at] ?? '', rest[at + 1] ?? '')
    return ''
  }

  async #set(name: string, value: string): Promise<void> {
    if (name === 'boot') this.boot = value
    else if (name === 'reset') this.reset()
    else if (name === 'shutdown' || (name === 'power' && value === '0')) await this.cut()
    else if (name === 'power') this.switchOn()
  }

  /** Switches it on, as its button does. */
  switchOn(): void {
    if (this.#running !== undefined) return
    this.starts++
    const running = this.#start(this.boot === 'pxe', this.boot === 'cd' ? this.disc : undefined)
    this.boot = 'none'
    this.#running = running
    void this.#watch(running)
  }

  async #watch(running: Running): Promise<void> {
    await running.ended
    if (this.#running === running) this.#running = undefined
  }

  /** Presses its reset button. */
  reset(): void {
    this.#running?.reset()
  }

  /** Cuts its power. */
  async cut(): Promise<void> {
    const running = this.#running
    await running?.cut()
    if (this.#running === running) this.#running = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut()
    await close(this.#server)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A machine that only hums. */
export function hum(): Running {
  const plug = new AbortController()
  return { ended: once(plug.signal, 'abort'), cut: async () => plug.abort(), reset() {} }
}
