// Power over Redfish.
import type { Clock } from '../../clock.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import type { RackMachine } from '../file/rack-file.ts'
import type { BootOverride, MachineIdentity, Power, PowerState } from './power.ts'
import { switchPower } from './settle.ts'
import { BootOverrides } from '../bmc/redfish/boot.ts'
import type { RedfishClient } from '../bmc/redfish/client.ts'
import { VirtualMedia } from '../bmc/redfish/media.ts'
import { RedfishPatience } from '../bmc/redfish/patience.ts'
import {
  actionInfoSchema,
  collectionSchema,
  interfaceSchema,
  macsOfInterface,
  type System,
  systemSchema,
  uuidsOfSystem,
} from '../bmc/redfish/system.ts'

/** More network cards than that are not asked for. */
const maxInterfaces = 32

interface RedfishPowerOptions {
  /** The id or path of the system, for a BMC with several. */
  system: string | undefined
  firmware: 'bios' | 'uefi'
  boot: RackMachine['boot']
  /** The image that `boot: media` inserts. */
  mediaUrl?: string | undefined
  clock: Clock
}

/** Power through a BMC with Redfish. */
export class RedfishPower implements Power {
  readonly #client: RedfishClient
  readonly #options: RedfishPowerOptions
  readonly #patience: RedfishPatience
  #path: string | undefined

  constructor(client: RedfishClient, options: RedfishPowerOptions) {
    this.#client = client
    this.#options = options
    this.#patience = new RedfishPatience(options.clock)
  }

  /** The path of the machine's system. */
  async #findSystem(signal: AbortSignal): Promise<string> {
    if (this.#path !== undefined) return this.#path
    const { system } = this.#options
    if (system?.startsWith('/') === true) return (this.#path = system)
    const { value } = await this.#client.read(await this.#client.findSystems(signal), collectionSchema, signal)
    const paths = value.Members.map((member) => this.#client.pathOf(member['@odata.id']))
    const ids = paths.map((each) => each.replace(/\/$/, '').split('/').at(-1) ?? '')
    const at = system === undefined && paths.length === 1 ? 0 : ids.indexOf(system ?? '')
    const path = paths[at]
    if (path !== undefined) return (this.#path = path)
    const offered = ids.length === 0 ? 'none' : ids.map((id) => `"${id}"`).join(', ')
    const why = system === undefined ? `has ${paths.length} systems, not one` : `has no system "${system}"`
    throw new BmcError('failed', `${this.#client.name} ${why}: it shows ${offered}`, { hint: 'name one as system' })
  }

  async #read(signal: AbortSignal): Promise<System> {
    return (await this.#client.read(await this.#findSystem(signal), systemSchema, signal)).value
  }

  async status(signal: AbortSignal): Promise<PowerState> {
    const { PowerState: state } = await this.#read(signal)
    if (state === 'On') return 'on'
    // PoweringOn, PoweringOff and Paused are neither.
    return state === 'Off' ? 'off' : 'unknown'
  }

  async on(signal: AbortSignal): Promise<void> {
    await this.#switch('on', ['On', 'ForceOn'], signal)
  }

  async off(signal: AbortSignal): Promise<void> {
    await this.#switch('off', ['ForceOff'], signal)
  }

  async #switch(want: 'on' | 'off', types: readonly string[], signal: AbortSignal): Promise<void> {
    const wanted = { name: this.#client.name, want, power: this, clock: this.#options.clock, signal }
    await switchPower(wanted, () => this.#reset(types, `switch its machine ${want}`, signal))
  }

  async softOff(signal: AbortSignal): Promise<void> {
    await this.#reset(['GracefulShutdown', 'PushPowerButton'], 'shut its machine down', signal)
  }

  async reset(signal: AbortSignal): Promise<void> {
    await this.#reset(['ForceRestart', 'PowerCycle'], 'reset its machine', signal)
  }

  /** Sends the first of the reset types that the system takes. */
  async #reset(types: readonly string[], what: string, signal: AbortSignal): Promise<void> {
    const action = (await this.#read(signal)).Actions?.['#ComputerSystem.Reset']
    if (action === undefined) throw new BmcError('unsupported', `${this.#client.name} has no action to ${what}`)
    const allowed = action['ResetType@Redfish.AllowableValues'] ?? (await this.#readAllowed(action, signal))
    const ResetType = types.find((type) => allowed?.includes(type) ?? true)
    if (ResetType === undefined) {
      throw new BmcError(
        'unsupported',
        `${this.#client.name} cannot ${what}: it offers ${allowed?.join(', ') || 'nothing'}`,
      )
    }
    const path = this.#client.pathOf(action.target)
    const answer = await this.#patience.insist(
      async () => await this.#client.request('POST', path, { body: { ResetType }, signal }),
      signal,
    )
    if (answer.status >= 300) throw this.#client.refuse(what, answer)
  }

  async #readAllowed(
    action: { '@Redfish.ActionInfo'?: string | undefined },
    signal: AbortSignal,
  ): Promise<string[] | undefined> {
    const info = action['@Redfish.ActionInfo']
    if (info === undefined) return undefined
    const { value } = await this.#client.read(this.#client.pathOf(info), actionInfoSchema, signal)
    return value.Parameters.find(({ Name }) => Name === 'ResetType')?.AllowableValues
  }

  async #openMedia(signal: AbortSignal): Promise<VirtualMedia> {
    return new VirtualMedia(this.#client, await this.#findSystem(signal), this.#patience)
  }

  async #setBoot(target: 'Pxe' | 'UefiHttp' | 'Cd' | 'None', signal: AbortSignal): Promise<BootOverride> {
    const overrides = new BootOverrides(this.#client, await this.#findSystem(signal), this.#patience)
    return await overrides.set({ target, mode: this.#options.firmware === 'uefi' ? 'UEFI' : 'Legacy' }, signal)
  }

  async bootFromNetworkOnce(signal: AbortSignal): Promise<BootOverride> {
    if (this.#options.boot === 'media') {
      const { mediaUrl } = this.#options
      if (mediaUrl === undefined) throw new BmcError('unsupported', `there is no image for ${this.#client.name}`)
      await (await this.#openMedia(signal)).insert(mediaUrl, signal)
      return await this.#setBoot('Cd', signal)
    }
    return await this.#setBoot(this.#options.boot === 'http' ? 'UefiHttp' : 'Pxe', signal)
  }

  async clearBoot(signal: AbortSignal): Promise<void> {
    await this.#setBoot('None', signal)
    const { boot, mediaUrl } = this.#options
    if (boot === 'media' && mediaUrl !== undefined) await (await this.#openMedia(signal)).eject(mediaUrl, signal)
  }

  async identify(signal: AbortSignal): Promise<MachineIdentity> {
    const { UUID, EthernetInterfaces: list } = await this.#read(signal)
    return { uuids: uuidsOfSystem(UUID), macs: await this.#readMacs(list?.['@odata.id'], signal) }
  }

  async #readMacs(list: string | undefined, signal: AbortSignal): Promise<string[]> {
    if (list === undefined) return []
    try {
      const { value } = await this.#client.read(this.#client.pathOf(list), collectionSchema, signal)
      const macs = new Set<string>()
      for (const member of value.Members.slice(0, maxInterfaces)) {
        const path = this.#client.pathOf(member['@odata.id'])
        const card = await this.#client.read(path, interfaceSchema, signal)
        for (const mac of macsOfInterface(card.value)) macs.add(mac)
      }
      return [...macs]
    } catch (error) {
      // Some BMCs have the link and not the list.
      if (error instanceof BmcError && error.reason === 'failed') return []
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]()
  }
}
