// The tiny system that a simulated machine ends in: a line editor as a terminal driver has it, and a handful of commands.
import type { Arch } from '../driver.ts'

/** What the shell knows of its machine. */
export interface ShellMachine {
  hostname: string
  arch: Arch
  commandLine: string
}

/** How a machine's system ends. */
export type Departure = 'poweroff' | 'reboot'

const prompt = '# '
const maxLineLength = 4096
const commandNames = 'cat echo exit help poweroff reboot uname'

/** Runs a line; text is what it prints, departure how the machine goes off. */
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

/** A shell on a serial line: takes bytes, prints, and ends once with the machine. */
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

  /** Takes what was typed. CR, LF and CR LF end a line; backspace and Ctrl-U take back, Ctrl-C gives the line up. */
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

  #erase(most: number): void {
    const characters = Array.from(this.#line)
    const count = Math.min(most, characters.length)
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
