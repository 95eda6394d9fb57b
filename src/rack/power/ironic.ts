// Power through OpenStack Ironic, whose conductors know the BMC.
import { z } from 'zod'
import type { Clock } from '../../clock.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import type { RackMachine } from '../file/rack-file.ts'
import type { BootOverride, MachineIdentity, Power, PowerState } from './power.ts'
import { Claims } from '../ironic/claims.ts'
import { type IronicClient, quoteIronic } from '../ironic/client.ts'
import { explainMaintenance, IronicNode, type NodeRecord } from '../ironic/node.ts'

/** How long Ironic waits for a system to shut down; the node is locked so long, also for "power off". */
const softOffSeconds = 60
/** The second attempt is for a conductor that ended in the first. */
const attempts = 2

const bootDeviceSchema = z.looseObject({
  boot_device: z.string().nullish().catch(undefined),
  persistent: z.boolean().nullish().catch(undefined),
})

interface IronicPowerOptions {
  node: string
  boot: RackMachine['boot']
  clock: Clock
}

const states = { on: 'power on', off: 'power off' } as const

/**
 * Power through a node of Ironic. Its record of the power is as old as the conductor's last look, a minute by default: a machine
 * counts as off only after a request to switch it off. The conductor then asks the BMC, and ends the request once it was off.
 */
export class IronicPower implements Power {
  readonly isStatusOld = true
  readonly #client: IronicClient
  readonly #node: IronicNode
  readonly #claims: Claims
  readonly #boot: RackMachine['boot']

  constructor(client: IronicClient, { node, boot, clock }: IronicPowerOptions) {
    this.#client = client
    this.#boot = boot
    this.#node = new IronicNode(client, node, clock)
    this.#claims = new Claims(this.#node, clock)
  }

  async status(signal: AbortSignal): Promise<PowerState> {
    const record = await this.#node.look(signal)
    // The power of a machine that another client has does not matter to this rack.
    await this.#claims.checkAvailable(record, signal)
    const { power_state: state, target_power_state: target, fault } = record
    if ((target ?? fault ?? '') !== '') return 'unknown'
    return state === states.on ? 'on' : state === states.off ? 'off' : 'unknown'
  }

  async on(signal: AbortSignal): Promise<void> {
    await this.#switch(states.on, 'on', signal)
  }

  async off(signal: AbortSignal): Promise<void> {
    await this.#switch(states.off, 'off', signal)
  }

  async reset(signal: AbortSignal): Promise<void> {
    await this.#switch('rebooting', 'on', signal)
  }

  async softOff(signal: AbortSignal): Promise<void> {
    await this.#claims.check(signal)
    const body = { target: 'soft power off', timeout: softOffSeconds }
    await this.#node.insist('PUT', 'shut it down', { path: '/states/power', body, signal })
  }

  /** Has the request done, although the record may show the state already: it may be old. */
  async #switch(
    target: 'power on' | 'power off' | 'rebooting',
    want: 'on' | 'off',
    signal: AbortSignal,
  ): Promise<void> {
    let seen: NodeRecord | undefined
    for (let attempt = 0; attempt < attempts; attempt++) {
      await this.#claims.check(signal)
      await this.#node.insist('PUT', `switch it (${target})`, { path: '/states/power', body: { target }, signal })
      seen = await this.#node.settle(signal)
      if (seen.power_state === states[want] && (seen.last_error ?? '') === '') return
    }
    const why = quoteIronic(seen?.last_error ?? '') || `its power is ${quoteIronic(seen?.power_state ?? 'unknown')}`
    const maintenance = seen === undefined ? '' : explainMaintenance(seen)
    throw new BmcError('failed', `${this.#node.name} did not switch its machine (${target}): ${why}${maintenance}`)
  }

  async #readBoot(signal: AbortSignal): Promise<z.infer<typeof bootDeviceSchema>> {
    const answer = await this.#node.insist('GET', 'tell the boot device', { path: '/management/boot_device', signal })
    return bootDeviceSchema.safeParse(answer.json).data ?? {}
  }

  async #setBoot(device: string, signal: AbortSignal): Promise<void> {
    await this.#claims.check(signal)
    const body = { boot_device: device, persistent: false }
    await this.#node.insist('PUT', `set the boot device ${device}`, { path: '/management/boot_device', body, signal })
  }

  async bootFromNetworkOnce(signal: AbortSignal): Promise<BootOverride> {
    const device = this.#boot === 'http' ? 'uefihttp' : 'pxe'
    await this.#setBoot(device, signal)
    const { boot_device: seen, persistent } = await this.#readBoot(signal)
    // Some drivers cannot tell.
    if ((seen ?? device) === device) return { persistent: persistent ?? false }
    throw new BmcError('failed', `${this.#node.name} accepted network boot but does not have it set`, {
      hint: 'put the network first in the boot order of its firmware, and write boot: order',
    })
  }

  /** Ironic cannot clear it: the disk for one boot takes its place. */
  async clearBoot(signal: AbortSignal): Promise<void> {
    const { boot_device: seen } = await this.#readBoot(signal)
    if (seen === 'pxe' || seen === 'uefihttp') await this.#setBoot('disk', signal)
  }

  async claim(device: string, signal: AbortSignal): Promise<void> {
    await this.#claims.claim(device, signal)
  }

  async free(device: string, signal: AbortSignal): Promise<void> {
    await this.#claims.free(device, signal)
  }

  async identify(signal: AbortSignal): Promise<MachineIdentity> {
    return { uuids: [], macs: await this.#node.readMacs(signal) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]()
  }
}
