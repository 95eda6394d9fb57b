// A simulated operating system of the catalogue: the log of a boot from the disk, and a login.
import type { InstalledSystem, MachineSpec } from '../driver.ts'
import { consoleOf } from './linux.ts'

/** The console output of a boot from the disk, up to the login. */
export function installedBootLog(machine: Pick<MachineSpec, 'arch' | 'tty'>, { name }: InstalledSystem): string[] {
  return [
    `Booting from Hard Disk...`,
    `Linux version 0.0.0-simulated (metalkit lab) ${machine.arch}`,
    `printk: console [${consoleOf(machine)}] enabled`,
    'EXT4-fs (sda1): mounted filesystem with ordered data mode',
    'Run /sbin/init as init process',
    `Welcome to ${name}!`,
  ]
}

const maxLineLength = 256

/** The login of a system: it asks for name and password until they are root's. */
export class SimulatedLogin {
  readonly #hostname: string
  readonly #system: InstalledSystem
  readonly #print: (text: string) => void
  readonly #onLogin: () => void
  #line = ''
  #afterReturn = false
  /** The user name; undefined until it has been entered. */
  #user: string | undefined

  constructor(hostname: string, system: InstalledSystem, print: (text: string) => void, onLogin: () => void) {
    this.#hostname = hostname
    this.#system = system
    this.#print = print
    this.#onLogin = onLogin
    print(`\n${system.name} ${hostname}\n`)
    this.#ask()
  }

  /** Handles input; a password is not echoed. */
  type(bytes: Buffer): void {
    for (const character of bytes.toString('utf8')) {
      const isSecondOfPair = character === '\n' && this.#afterReturn
      this.#afterReturn = character === '\r'
      if (isSecondOfPair) continue
      if (character === '\r' || character === '\n') this.#enter()
      else if (character === '\b' || character === '\u007f') this.#erase()
      else if (character >= ' ' && this.#line.length < maxLineLength) {
        this.#line += character
        if (this.#user === undefined) this.#print(character)
      }
    }
  }

  #ask(): void {
    this.#print(this.#user === undefined ? `\n${this.#hostname} login: ` : 'Password: ')
  }

  #erase(): void {
    if (this.#line === '') return
    this.#line = Array.from(this.#line).slice(0, -1).join('')
    if (this.#user === undefined) this.#print('\b \b')
  }

  #enter(): void {
    const line = this.#line
    this.#line = ''
    this.#print('\n')
    if (this.#user === undefined) {
      this.#user = line === '' ? undefined : line
      return this.#ask()
    }
    const isRight = this.#user === 'root' && line === this.#system.rootPassword
    this.#user = undefined
    if (isRight) return this.#onLogin()
    this.#print('\nLogin incorrect\n')
    this.#ask()
  }
}
