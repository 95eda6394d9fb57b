// An interpreter for iPXE scripts: the commands that boot scripts use, with the output of iPXE's screen. It was compared, line
// by line, with the iPXE of Debian 12's QEMU. One difference is deliberate: BIOS iPXE takes any file for a network boot program and
// jumps into it, which ends in silence or a reset; here a file that is not a kernel is an "Exec format error", as under UEFI.
import { setTimeout as sleep } from 'node:timers/promises'

import { fits, initialSettings, maxSettingsBytes } from './settings.ts'
import { detectKernel } from '../../../kernel-format.ts'
import type { Arch } from '../../../arch.ts'
import { type Download, type IpxeError, isSupported, notEnoughSpace, notSupported } from './download.ts'
import { expandWords, parseLine, splitOptions, splitScript } from './line.ts'

/** A file that iPXE has fetched. */
export interface BootImage extends Download {
  name: string
  /** The words after the URL, expanded and joined with spaces. */
  commandLine: string
}

/** How a script ends. */
export type BootOutcome =
  | { kind: 'boot'; kernel: BootImage; initrds: readonly BootImage[] }
  /** It exits without booting anything. */
  | { kind: 'exit' }
  /** It leaves the machine at iPXE's prompt. */
  | { kind: 'shell' }
  | { kind: 'failed'; error: string }

/** The machine on which iPXE runs. */
export interface IpxeMachine {
  arch: Arch
  mac: string
  hostname: string
  print: (text: string) => void
  download: (url: string, signal: AbortSignal) => Promise<Download | IpxeError>
}

const execFormatError = 'Exec format error (http://ipxe.org/2e022001)'
const noSuchFile = 'No such file or directory (http://ipxe.org/2d02803b)'
const invalidArgument = 'Invalid argument (http://ipxe.org/1c028002)'
const deepestChain = 16
/** The most images at a time; each holds an open file and up to 256 KiB of this computer's memory. */
const maxImages = 64
/** How many steps run before the event loop gets its turn, so that an endless script does not block the process. */
const stepsPerTurn = 100

type Result = BootOutcome | 'ok'

function failed(error: string): BootOutcome {
  return { kind: 'failed', error }
}

/** Whether an image is a script: it begins with `#!ipxe`, and is short enough to be in memory completely. */
function isScript({ head, sizeBytes }: BootImage): boolean {
  return head.length === sizeBytes && /^#!ipxe(\s|$)/.test(head.toString('utf8', 0, 8))
}

/** One run of iPXE, from power on until it boots a kernel or gives up. */
class Ipxe {
  readonly #machine: IpxeMachine
  readonly #signal: AbortSignal
  readonly #settings: Map<string, string>
  #images: BootImage[] = []
  #kernel: BootImage | undefined
  #depth = 0
  #steps = 0

  constructor(machine: IpxeMachine, signal: AbortSignal) {
    this.#machine = machine
    this.#signal = signal
    this.#settings = initialSettings(machine)
  }

  /** Fetches a file and shows the progress on the screen. */
  async #fetch(
    uri: string,
    base: string,
    name: string | undefined,
    words: readonly string[],
  ): Promise<BootImage | IpxeError> {
    const url = URL.canParse(uri, base) ? new URL(uri, base).href : uri
    if (!isSupported(url)) {
      this.#machine.print(`Could not start download: ${notSupported}\n`)
      return { error: notSupported }
    }
    this.#machine.print(`${uri.split('?')[0] ?? ''}...`)
    const isFull = this.#images.length >= maxImages
    const fetched = isFull ? { error: notEnoughSpace } : await this.#machine.download(url, this.#signal)
    this.#machine.print(` ${'error' in fetched ? fetched.error : 'ok'}\n`)
    if ('error' in fetched) return fetched
    const image = {
      ...fetched,
      name: name ?? new URL(fetched.url).pathname.split('/').at(-1) ?? '',
      commandLine: words.join(' '),
    }
    this.#images.push(image)
    return image
  }

  #free(isDone: (image: BootImage) => boolean): void {
    for (const image of this.#images.filter(isDone)) image.free?.()
    this.#images = this.#images.filter((image) => !isDone(image))
  }

  /** Runs an image: a script is interpreted, a kernel ends the run. */
  async #execute(image: BootImage): Promise<Result> {
    if (isScript(image)) {
      if (this.#depth >= deepestChain) return failed('Out of resources (http://ipxe.org/390c6189)')
      this.#depth++
      const result = await this.#follow(image.head.toString('utf8'), image.url)
      this.#depth--
      return result
    }
    if (detectKernel(image.head) !== this.#machine.arch) return failed(execFormatError)
    return { kind: 'boot', kernel: image, initrds: this.#images.filter((other) => other !== image && !isScript(other)) }
  }

  async #follow(script: string, base: string): Promise<Result> {
    const lines = splitScript(script)
    for (let at = 0; at < lines.length; at++) {
      const command = lines[at]?.command
      if (command === undefined) return failed(invalidArgument)
      const result = await this.#runLine(command, base)
      if (result === 'ok') continue
      if ('goto' in result) {
        // The label's line runs too: a command may follow the label.
        at = lines.findIndex(({ label }) => label === result.goto) - 1
        if (at < -1) return failed(noSuchFile)
        continue
      }
      // `exit` ends this script only: the script that chained it continues.
      return result.kind === 'exit' && this.#depth > 1 ? 'ok' : result
    }
    return 'ok'
  }

  async #runLine(line: string, base: string): Promise<Result | { goto: string }> {
    let last: Result = 'ok'
    for (const { after, words } of parseLine(line)) {
      const succeeded = last === 'ok'
      if ((after === 'success' && !succeeded) || (after === 'failure' && succeeded)) continue
      if (++this.#steps % stepsPerTurn === 0) await sleep(1, undefined, { signal: this.#signal })
      const expanded = expandWords(words, this.#settings, maxSettingsBytes)
      if (expanded === undefined) return failed(notEnoughSpace)
      if (expanded[0] === 'goto') return { goto: expanded[1] ?? '' }
      last = await this.#run(expanded, base)
      if (last !== 'ok' && last.kind !== 'failed') return last
    }
    return last
  }

  async #run([command, ...args]: readonly string[], base: string): Promise<Result> {
    const { options, rest } = splitOptions(args, command === 'echo' ? [] : ['--name', '-n', '--timeout', '-t'])
    const [uri = '', ...words] = rest
    switch (command) {
      case undefined:
      case 'param':
      case 'params':
      case 'imgstat':
      case 'ifopen':
      case 'console':
        return 'ok'
      case 'dhcp':
        this.#machine.print(`Configuring (net0 ${this.#machine.mac})...... ok\n`)
        return 'ok'
      case 'set':
        this.#settings.set(uri, words.join(' '))
        return fits(this.#settings) ? 'ok' : failed(notEnoughSpace)
      case 'clear':
        this.#settings.delete(uri)
        return 'ok'
      case 'isset':
        return uri !== '' ? 'ok' : failed(noSuchFile)
      case 'iseq':
        return rest.length === 2 && rest[0] === rest[1] ? 'ok' : failed('Operation not permitted')
      case 'echo':
        this.#machine.print(`${rest.join(' ')}${options.has('-n') ? '' : '\n'}`)
        return 'ok'
      case 'sleep':
        await sleep(Math.min(Number(uri) || 0, 3600) * 1000, undefined, { signal: this.#signal })
        return 'ok'
      case 'imgfree':
        this.#free(() => true)
        this.#kernel = undefined
        return 'ok'
      case 'imgfetch':
      case 'module':
      case 'initrd': {
        const image = await this.#fetch(uri, base, options.get('--name') ?? options.get('-n'), words)
        return 'error' in image ? failed(image.error) : 'ok'
      }
      case 'kernel': {
        const image = await this.#fetch(uri, base, options.get('--name') ?? options.get('-n'), words)
        if ('error' in image) return failed(image.error)
        if (detectKernel(image.head) !== this.#machine.arch) {
          this.#machine.print(`Could not select: ${execFormatError}\n`)
          return failed(execFormatError)
        }
        this.#kernel = image
        return 'ok'
      }
      case 'chain': {
        const image = await this.#fetch(uri, base, options.get('--name') ?? options.get('-n'), words)
        if ('error' in image) return failed(image.error)
        const result = await this.#execute(image)
        if (result === 'ok' || result.kind === 'exit') {
          if (options.has('--autofree')) this.#free((other) => other === image)
        } else if (result.kind === 'failed') {
          this.#machine.print(`Could not boot: ${result.error}\n`)
        }
        return result
      }
      case 'boot': {
        const image = uri === '' ? this.#kernel : await this.#fetch(uri, base, undefined, words)
        if (image === undefined) {
          // iPXE does not count this as a failure.
          this.#machine.print('No image selected\n')
          return 'ok'
        }
        return 'error' in image ? failed(image.error) : await this.#execute(image)
      }
      case 'shell':
        this.#machine.print('iPXE> ')
        return { kind: 'shell' }
      case 'exit':
        return uri === '' || uri === '0'
          ? { kind: 'exit' }
          : failed(`Error 0x${(Number(uri) || 1).toString(16).padStart(8, '0')} (http://ipxe.org/00000001)`)
      default:
        this.#machine.print(`${command}: command not found\n`)
        return failed(execFormatError)
    }
  }

  /** Boots the URL that DHCP named, as the ROM does. */
  async start(url: string): Promise<BootOutcome> {
    const image = await this.#fetch(url, url, undefined, [])
    if ('error' in image) return failed(image.error)
    const result = await this.#execute(image)
    return result === 'ok' ? { kind: 'exit' } : result
  }
}

/**
 * Boots from a URL as iPXE does, and prints the output of iPXE's screen.
 * Rejects only if the signal aborts it.
 */
export async function runIpxe(url: string, machine: IpxeMachine, signal: AbortSignal): Promise<BootOutcome> {
  return await new Ipxe(machine, signal).start(url)
}
