// Simulated hardware: servers that outlast the lab, each behind a BMC that may be silent; and a rack of them.
import { setTimeout as sleep } from 'node:timers/promises'

import { LabError } from '../../src/errors.ts'
import type { Catalogue } from '../../src/lab/cloud/catalogue.ts'
import type { Inventory } from '../../src/lab/cloud/inventory.ts'
import { labCatalogue } from '../../src/lab/cloud/lab-catalogue.ts'
import type { MachineDriver, MachineSpec, PoweredMachine, PowerLoss } from '../../src/lab/machines/driver.ts'
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
  /** How often it was reset; undefined if its BMC cannot do that. */
  resets: number | undefined
  /** Whether it takes time to go off. */
  isSlow = false
  /** How it was to boot at each reset. */
  boots: MachineSpec['boot'][] = []
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
      ...(this.resets === undefined
        ? {}
        : {
            reset: async ({ boot }) =>
              await this.ask(() => void (this.boots.push(boot), (this.resets = (this.resets ?? 0) + 1))),
          }),
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

/** A rack of servers. */
export class Hardware {
  readonly servers: ReadonlyMap<string, Server>
  readonly inventory: Inventory
  readonly catalogue: Catalogue
  /** Why machines are set aside. */
  readonly aside = new Map<string, string>()

  /** @param plans the plan of each machine, by the machine's name */
  constructor(plans: Readonly<Record<string, string>>, inUse: readonly string[] = []) {
    const names = Object.keys(plans)
    this.servers = new Map(names.map((name) => [name, new Server()]))
    this.inventory = {
      machines: Object.entries(plans).map(([name, plan], index) => ({
        name,
        plan,
        inUse: inUse.includes(name),
        macs: [`0c:c4:7a:00:00:${(index + 1).toString(16).padStart(2, '0')}`],
      })),
      whyUnusable: (name) => this.aside.get(name),
      lastSeen: (name) => (this.aside.has(name) ? 'unknown' : this.at(name).isOn ? 'on' : 'off'),
    }
    const metro = { code: 'home', name: 'home', country: 'US', address: 'home' }
    this.catalogue = {
      plans: [...new Set(Object.values(plans))].map((slug) => ({
        slug,
        aliases: [],
        arch: 'x86_64',
        cpus: 0,
        memoryMib: 0,
        specs: { cpu: 'Intel i5-7260U, 4 threads', memory: '16 GB' },
      })),
      operatingSystems: labCatalogue.operatingSystems.slice(0, 1),
      metros: [metro],
      facilities: [{ code: 'home1', metro }],
    }
  }

  /** The server with a name. @throws if it does not exist */
  at(name: string | undefined): Server {
    const server = this.servers.get(name ?? '')
    if (server === undefined) throw new Error(`no server ${name}`)
    return server
  }

  readonly driver: MachineDriver = {
    kind: 'rack',
    powerOn: (spec, hooks) => this.at(spec.machine).driver.powerOn(this.#take(spec), hooks),
    reattach: async (spec, hooks) => await this.at(spec.machine).driver.reattach?.(this.#take(spec), hooks),
    discard: async (id) => await this.at(this.#machines.get(id)).driver.discard?.(id),
  }

  /** The machines of devices, by the devices' ids. */
  readonly #machines = new Map<string, string | undefined>()

  #take(spec: MachineSpec): MachineSpec {
    this.#machines.set(spec.id, spec.machine)
    return spec
  }
}
