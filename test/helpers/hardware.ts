// Simulated hardware: servers that outlast the lab, each behind a BMC that may be silent.
import { setTimeout as sleep } from 'node:timers/promises'

import { LabError } from '../../src/errors.ts'
import type { MachineDriver, PoweredMachine, PowerLoss } from '../../src/lab/machines/driver.ts'
import { SerialLine } from '../../src/lab/machines/serial-line.ts'

/** A server with a BMC: it is on or off whoever looks, and the BMC answers or does not. */
export class Server {
  isOn = false
  isSilent = false
  /** Whether the BMC does what it is told and then goes silent. */
  losesAnswers = false
  /** The calls of its driver that never end. */
  hung: ('powerOn' | 'detach' | 'dispose' | 'discard')[] = []
  /** How often it was switched on. */
  starts = 0
  /** How often it was free for another device. */
  freed = 0
  /** How often it was told to go off. */
  ends = 0
  /** Whether it takes time to go off. */
  isSlow = false
  #goOff: (loss: PowerLoss) => void = () => {}

  async ask<T>(answer: () => T): Promise<T> {
    if (this.isSilent) throw new LabError('the BMC does not answer')
    const said = answer()
    if (!this.losesAnswers) return said
    this.isSilent = true
    this.losesAnswers = false
    throw new LabError('the BMC does not answer')
  }

  async #hang(call: Server['hung'][number]): Promise<void> {
    if (this.hung.includes(call)) await new Promise(() => {})
  }

  /** Its system powers it off. */
  powerOff(): void {
    this.isOn = false
    this.#goOff({ reason: 'poweroff' })
  }

  #attach(explainStop: string): PoweredMachine {
    const serial = new SerialLine()
    const off = new Promise<PowerLoss>((resolve) => {
      this.#goOff = resolve
    })
    return {
      serial,
      off,
      explainStop: () => explainStop,
      detach: async () => {
        await this.#hang('detach')
        serial.hangUp()
      },
      [Symbol.asyncDispose]: async () => {
        this.ends++
        while (this.isSlow) await sleep(5)
        await this.#hang('dispose')
        await this.ask(() => {
          this.isOn = false
        })
        this.#goOff({ reason: 'switched-off' })
        serial.hangUp()
      },
    }
  }

  readonly driver: MachineDriver = {
    kind: 'simulated',
    powerOn: async (_, hooks) => {
      await this.#hang('powerOn')
      return await this.ask(() => {
        this.isOn = true
        this.starts++
        hooks?.onStep?.('the machine was switched on')
        return this.#attach('it asked for an address, and no DHCP server answered')
      })
    },
    reattach: async () => await this.ask(() => (this.isOn ? this.#attach('nothing was seen of it') : undefined)),
    discard: async () => {
      await this.#hang('discard')
      await this.ask(() => {
        if (this.isOn) throw new LabError('the machine is on')
        this.freed++
      })
    },
  }
}
