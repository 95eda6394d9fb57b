// The boot override over Redfish. Firmware differs in what it accepts and in what it then does, so requests go from the usual
// form to rarer ones, and only what reads back as asked for counts. docs/rack.md has the quirks with their sources.
import { BmcError } from '../bmc-error.ts'
import { changeResource } from './change.ts'
import type { RedfishAnswer, RedfishClient } from './client.ts'
import type { RedfishPatience } from './patience.ts'
import { type System, type SystemBoot, systemSchema } from './system.ts'

/** A boot override to ask for. */
interface Wanted {
  target: 'Pxe' | 'UefiHttp' | 'Cd' | 'UsbCd' | 'None'
  mode: 'UEFI' | 'Legacy'
}

type Form = Record<string, string>

/** The forms of the request, usual ones first. */
export function formsOf({ target, mode }: Wanted, boot: SystemBoot): Form[] {
  const enabled = target === 'None' ? 'Disabled' : 'Once'
  const usual = { BootSourceOverrideTarget: target, BootSourceOverrideEnabled: enabled }
  const withMode = { ...usual, BootSourceOverrideMode: mode }
  // Supermicro forgets the mode unless it is sent, and refuses it where it does not show it.
  const modes = boot['BootSourceOverrideMode@Redfish.AllowableValues']
  const hasMode = boot.BootSourceOverrideMode !== undefined && modes?.includes(mode) !== false
  const first = hasMode && target !== 'None' ? [withMode, usual] : [usual, withMode]
  // Some refuse a value that is already set.
  const rare = target === 'None' ? { BootSourceOverrideEnabled: enabled } : { BootSourceOverrideTarget: target }
  return boot.BootSourceOverrideEnabled === enabled || target === 'None' ? [...first, rare] : first
}

/** Whether a boot override is as asked for. */
export function isAsAsked({ target, mode }: Wanted, boot: SystemBoot | undefined): boolean {
  if (boot === undefined) return false
  const { BootSourceOverrideTarget: seen, BootSourceOverrideEnabled: enabled, BootSourceOverrideMode: seenMode } = boot
  if (target === 'None') return enabled === 'Disabled' || seen === 'None'
  return seen === target && enabled !== 'Disabled' && (seenMode === undefined || seenMode === mode)
}

/** Whether a virtual CD is one of USB: Supermicro's X11 and X12 offer Cd, too, which is a real drive (sushy). */
function isUsbCd({ Manufacturer, Boot }: System): boolean {
  const offered = Boot?.['BootSourceOverrideTarget@Redfish.AllowableValues'] ?? []
  return offered.includes('UsbCd') && (Manufacturer?.toLowerCase() === 'supermicro' || !offered.includes('Cd'))
}

const networkFirst = 'write boot: order, and put the network first in the boot order of its firmware'

/** Sets boot overrides of one system. */
export class BootOverrides {
  readonly #client: RedfishClient
  readonly #path: string
  readonly #patience: RedfishPatience

  constructor(client: RedfishClient, path: string, patience: RedfishPatience) {
    this.#client = client
    this.#path = path
    this.#patience = patience
  }

  async #read(path: string, signal: AbortSignal): Promise<{ system: System; etag: string | undefined }> {
    const { value, etag } = await this.#client.read(path, systemSchema, signal)
    return { system: value, etag: etag ?? value['@odata.etag'] }
  }

  /** The resources that a boot override is written to: AMI, ASRock and Lenovo's TSM have one apart for the next boot. */
  async #findPlaces(system: System, signal: AbortSignal): Promise<string[]> {
    const settings = system['@Redfish.Settings']?.SettingsObject['@odata.id']
    if (settings === undefined) return [this.#path]
    const path = this.#client.pathOf(settings)
    try {
      const apart = await this.#read(path, signal)
      return apart.system.Boot?.BootSourceOverrideTarget === undefined ? [this.#path] : [path, this.#path]
    } catch (error) {
      if (error instanceof BmcError && error.reason === 'failed') return [this.#path]
      throw error
    }
  }

  async #patch(path: string, boot: Form, signal: AbortSignal): Promise<RedfishAnswer> {
    const { etag } = await this.#read(path, signal)
    const tools = { client: this.#client, patience: this.#patience }
    return await changeResource(tools, { path, etag, body: { Boot: boot } }, signal)
  }

  /** Sets an override and reads it back. @returns whether the BMC keeps it for every boot @throws BmcError if no form of the request has the effect */
  async set(asked: Wanted, signal: AbortSignal): Promise<{ persistent: boolean }> {
    const { system } = await this.#read(this.#path, signal)
    const boot = system.Boot ?? {}
    const allowed = boot['BootSourceOverrideTarget@Redfish.AllowableValues']
    const wanted: Wanted = asked.target === 'Cd' && isUsbCd(system) ? { ...asked, target: 'UsbCd' } : asked
    const hint = wanted.target.endsWith('Cd') ? 'write boot: pxe for this machine' : networkFirst
    if (wanted.target !== 'None' && allowed !== undefined && !allowed.includes(wanted.target)) {
      throw new BmcError(
        'unsupported',
        `${this.#client.name} cannot make its machine boot from "${wanted.target}": it offers ${allowed.join(', ')}`,
        { hint },
      )
    }
    let refusal: RedfishAnswer | undefined
    for (const path of await this.#findPlaces(system, signal)) {
      for (const form of formsOf(wanted, boot)) {
        const answer = await this.#patch(path, form, signal)
        if (answer.status >= 300) {
          refusal = answer
          continue
        }
        const seen = await this.#awaitEffect(wanted, path, signal)
        if (seen !== undefined) return { persistent: seen.BootSourceOverrideEnabled === 'Continuous' }
      }
    }
    const what = wanted.target === 'None' ? 'clear the boot override' : `set the boot override to "${wanted.target}"`
    if (refusal !== undefined) throw this.#client.refuse(what, refusal)
    const { system: after } = await this.#read(this.#path, signal)
    const { BootSourceOverrideTarget: target = 'nothing', BootSourceOverrideEnabled: enabled = 'nothing' } =
      after.Boot ?? {}
    throw new BmcError(
      'failed',
      `${this.#client.name} accepted the request to ${what}, but shows "${target}", "${enabled}"`,
      { hint },
    )
  }

  /** Reads until the override is as asked for; undefined if it does not become so. */
  async #awaitEffect(wanted: Wanted, path: string, signal: AbortSignal): Promise<SystemBoot | undefined> {
    return await this.#patience.poll(async () => {
      for (const place of new Set([path, this.#path])) {
        const { system } = await this.#read(place, signal)
        if (isAsAsked(wanted, system.Boot)) return system.Boot
      }
      return undefined
    }, signal)
  }
}
