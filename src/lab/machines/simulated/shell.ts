// The tiny system that a simulated machine boots: a line editor like a terminal driver's, and a few commands.
import type { Arch } from '../../../arch.ts'

/** The facts that the shell knows about its machine. */
export interface ShellMachine {
  hostname: string
  arch: Arch
  commandLine: string
}

/** How the system ends. */
export type Departure = 'poweroff' | 'reboot'

const prompt = '# '
const maxLineLength = 4096
const commandNames = 'cat echo exit help poweroff reboot uname'

/** Runs a line. @returns its output, and the departure if it ends the system */
export function runCommand(line: string, machine: ShellMachine): { text: string; departure?: Departure } {
  const [command = '', ...words] = line.split(/\s+/).filter((word) => word !== '')
  switch (command) {
    case '':
      return { text: '' }
    case 'echo':
      return { text: `${words.join(' ')}\n` }
    case 'cat':
      return words[0] === '/proc/cmdline'
        ? { text: `${machine.commandLine}\n` }
        : { text: `cat: can't open '${words.join(' ')}': No such file or directory\n` }
    case 'hostname':
      return { text: `${machine.hostname}\n` }
    case 'uname':
      return { text: words[0] === '-a' ? `Linux ${machine.hostname} 0.0.0-simulated ${machine.arch}\n` : 'Linux\n' }
    case 'help':
      return { text: `This machine is simulated. It knows: ${commandNames}\n` }
    case 'exit':
      return { text: 'starting another shell\n' }
    case 'poweroff':
    case 'halt':
      return { text: '', departure: 'poweroff' }
    case 'reboot':
      return { text: '', departure: 'reboot' }
    default:
      return { text: `sh: ${command}: not found\n` }
  }
}

/** A shell on a serial line: it reads bytes, prints, and ends when the system ends. */
export class SimulatedShell {
  readonly #machine: ShellMachine
  readonly #print: (text: string) => void
  readonly #onDeparture: (departure: Departure) => void
  #line = ''
  #afterReturn = false

  constructor(machine: ShellMachine, print: (text: string) => void, onDeparture: (departure: Departure) => void) {
    this.#machine = machine
    this.#print = print
    this.#onDeparture = onDeparture
    print(prompt)
  }

  /** Handles input. CR, LF and CR LF end a line; backspace deletes a character, Ctrl-U the line, Ctrl-C discards the line. */
  type(bytes: Buffer): void {
    for (const character of bytes.toString('utf8')) this.#key(character)
  }

  #key(character: string): void {
    const isSecondOfPair = character === '\n' && this.#afterReturn
    this.#afterReturn = character === '\r'
    if (isSecondOfPair) return
    switch (character) {
      case '\r':
      case '\n':
        return this.#enter()
      case '\b':
      case '\u007f':
        return this.#erase(1)
      case '\u0015':
        return this.#erase(Number.POSITIVE_INFINITY)
      case '\u0003':
        this.#line = ''
        return this.#print(`^C\n${prompt}`)
      default:
        if (character < ' ' || this.#line.length >= maxLineLength) return
        this.#line += character
        this.#print(character)
    }
  }

  #erase(maxCount: number): void {
    const characters = Array.from(this.#line)
    const count = Math.min(maxCount, characters.length)
    this.#line = characters.slice(0, characters.length - count).join('')
    this.#print('\b \b'.repeat(count))
  }

  #enter(): void {
    const line = this.#line
    this.#line = ''
    const { text, departure } = runCommand(line, this.#machine)
    this.#print(`\n${text}`)
    if (departure === undefined) this.#print(prompt)
    else this.#onDeparture(departure)
  }
}
