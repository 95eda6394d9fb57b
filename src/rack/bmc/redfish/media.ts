// Virtual media over Redfish: inserts an image as the machine's CD, and ejects it. Only what reads back counts; docs/rack.md has the
// quirks with their sources.
import { BmcError } from '../bmc-error.ts'
import { changeResource } from './change.ts'
import { type RedfishAnswer, type RedfishClient, type Resource, wantsLicense } from './client.ts'
import {
  describeImage,
  ejectBodies,
  holds,
  insertBodies,
  isForDiscs,
  isFull,
  type Slot,
  slotSchema,
} from './media-slot.ts'
import type { RedfishPatience } from './patience.ts'
import { collectionSchema, managerSchema, systemSchema } from './system.ts'

/** More slots than that are not asked for. */
const maxSlots = 32
/** How long an accepted request may take: some BMCs load the image first. */
const effectMs = 30_000

/** A slot, and where it is. */
interface Place extends Resource<Slot> {
  path: string
}

/** Whether a refusal may be about the form of the request, so that another form is worth trying. */
function isAboutForm({ messages }: RedfishAnswer): boolean {
  const reasons = messages.filter((name) => name !== 'GeneralError')
  return (
    reasons.length === 0 || reasons.some((name) => /Param|Propert|Malformed|Missing|Unrecognized|Empty/i.test(name))
  )
}

/** The virtual media of one system. */
export class VirtualMedia {
  readonly #client: RedfishClient
  readonly #system: string
  readonly #patience: RedfishPatience

  /** @param system the system's path */
  constructor(client: RedfishClient, system: string, patience: RedfishPatience) {
    this.#client = client
    this.#system = system
    this.#patience = patience
  }

  /** Inserts an image. @throws BmcError if the BMC has no slot for it, or one that is not empty, or does not insert it */
  async insert(url: string, signal: AbortSignal): Promise<void> {
    // What an earlier attempt left may read as inserted without being so, or be connected to a server that has ended since.
    await this.eject(url, signal)
    const places = await this.#findDiscs(signal)
    const { name } = this.#client
    if (places.length === 0) {
      throw new BmcError('unsupported', `${name} has no virtual CD`, { hint: 'write boot: pxe for this machine' })
    }
    const other = places.find(({ value }) => isFull(value))
    if (other !== undefined) {
      throw new BmcError(
        'failed',
        `${name} has ${describeImage(other.value)} in its virtual CD, which is not the rack's`,
        {
          hint: 'eject it in the web page of the BMC: the machine might boot it',
        },
      )
    }
    let refusal: RedfishAnswer | undefined
    for (const place of places) {
      const answer = await this.#insertInto(place, url, signal)
      if (answer === undefined) return
      refusal ??= answer
      // Some slots are only for the console in the web page (Cisco), or for uploads (Lenovo).
      if (answer.status >= 500 || wantsLicense(answer)) throw this.#refuseInsert(answer, url)
    }
    if (refusal !== undefined) throw this.#refuseInsert(refusal, url)
  }

  #refuseInsert(answer: RedfishAnswer, url: string): BmcError {
    const hint = wantsLicense(answer)
      ? 'virtual media needs a license on this BMC: install it, or write boot: pxe for this machine'
      : `the BMC loads the image itself: it must reach ${new URL(url).origin}`
    return this.#client.refuse('insert the image', answer, { hint })
  }

  /** @returns the refusal, if there is one */
  async #insertInto(place: Place, url: string, signal: AbortSignal): Promise<RedfishAnswer | undefined> {
    let refusal: RedfishAnswer | undefined
    for (const body of insertBodies(place.value, url)) {
      const answer = await this.#patience.retry(async () => {
        const insertion = await this.#send(place, '#VirtualMedia.InsertMedia', body, signal)
        // One that failed may read as inserted (sushy-tools), and the slot is then full for the next.
        if (insertion.status >= 300) await this.eject(url, signal)
        return insertion
      }, signal)
      if (answer.status < 300) {
        await this.#awaitSlot(place, (slot) => isFull(slot), 'insert the image', signal)
        return undefined
      }
      if (answer.status >= 500 || !isAboutForm(answer)) return answer
      refusal ??= answer
    }
    return refusal
  }

  /** Ejects the image, and no other; does nothing if it is not inserted. @throws BmcError if it stays */
  async eject(url: string, signal: AbortSignal): Promise<void> {
    for (const place of await this.#findDiscs(signal)) {
      if (holds(place.value, url)) await this.#empty(place, url, signal)
    }
  }

  async #empty(place: Place, url: string, signal: AbortSignal): Promise<void> {
    let refusal: RedfishAnswer | undefined
    for (const body of ejectBodies(place.value)) {
      const answer = await this.#patience.retry(
        async () => await this.#send(place, '#VirtualMedia.EjectMedia', body, signal),
        signal,
      )
      if (answer.status < 300) {
        return await this.#awaitSlot(place, (slot) => !holds(slot, url), 'eject the image', signal)
      }
      // The machine's system may have ejected it meanwhile.
      if (!holds((await this.#client.read(place.path, slotSchema, signal)).value, url)) return
      refusal ??= answer
      if (answer.status >= 500) break
    }
    if (refusal !== undefined) throw this.#client.refuse('eject the image', refusal)
  }

  /** Calls a slot's action, or changes a slot that has none. */
  async #send(
    { path, value, etag }: Place,
    action: '#VirtualMedia.InsertMedia' | '#VirtualMedia.EjectMedia',
    body: unknown,
    signal: AbortSignal,
  ): Promise<RedfishAnswer> {
    const target = value.Actions?.[action]?.target
    if (target !== undefined) return await this.#client.request('POST', this.#client.pathOf(target), { body, signal })
    return await changeResource({ client: this.#client, patience: this.#patience }, { path, etag, body }, signal)
  }

  async #awaitSlot({ path }: Place, isDone: (slot: Slot) => boolean, what: string, signal: AbortSignal): Promise<void> {
    const done = await this.#patience.poll(
      async () => (isDone((await this.#client.read(path, slotSchema, signal)).value) ? true : undefined),
      signal,
      effectMs,
    )
    if (done === undefined) {
      throw new BmcError('late', `${this.#client.name} accepted the request to ${what}, but does not show that it did`)
    }
  }

  /** The slots for discs: those of the system, or else those of its managers. */
  async #findDiscs(signal: AbortSignal): Promise<Place[]> {
    const { value: system } = await this.#client.read(this.#system, systemSchema, signal)
    const own = await this.#readDiscs(system.VirtualMedia?.['@odata.id'], signal)
    if (own.length > 0) return own
    const places: Place[] = []
    const managers = system.Links?.ManagedBy?.map((link) => link['@odata.id']) ?? (await this.#findManager(signal))
    for (const path of managers) {
      const manager = await this.#client.readIfAny(this.#client.pathOf(path), managerSchema, signal)
      places.push(...(await this.#readDiscs(manager?.value.VirtualMedia?.['@odata.id'], signal)))
    }
    return places
  }

  /** The manager of a system that names none, if there is only one. */
  async #findManager(signal: AbortSignal): Promise<string[]> {
    const list = await this.#client.readIfAny(await this.#client.findManagers(signal), collectionSchema, signal)
    const paths = list?.value.Members.map((link) => link['@odata.id']) ?? []
    return paths.length === 1 ? paths : []
  }

  async #readDiscs(list: string | undefined, signal: AbortSignal): Promise<Place[]> {
    if (list === undefined) return []
    const slots = await this.#client.readIfAny(this.#client.pathOf(list), collectionSchema, signal)
    const places: Place[] = []
    for (const link of slots?.value.Members.slice(0, maxSlots) ?? []) {
      const path = this.#client.pathOf(link['@odata.id'])
      const slot = await this.#client.readIfAny(path, slotSchema, signal)
      if (slot === undefined || !isForDiscs(slot.value)) continue
      places.push({ path, value: slot.value, etag: slot.etag ?? slot.value['@odata.etag'] })
    }
    return places
  }
}
