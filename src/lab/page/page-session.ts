// One open page: it shows the list, one machine and its console, and may type there while no other session does.
import { z } from 'zod/mini'

import { readJson } from '../../text/json.ts'
import { type Cloud, listDevices } from '../cloud/cloud.ts'
import type { Device } from '../cloud/device.ts'
import type { Devices } from '../cloud/life/devices.ts'
import type { CloudWords } from '../cloud/words.ts'
import { isSameSecret } from '../storage/secret.ts'
import { describeDetail, describeStock, powerOf, summarize } from './describe.ts'
import type { FetchSizes } from './fetch-sizes.ts'
import type { Keyboard, LabMessage } from './messages.ts'

/** The parts of the lab that a session needs. */
export interface PageParts {
  cloud: Cloud
  devices: Devices
  words: CloudWords
  /** The boot server's URL for a device. */
  bootUrlOf: (device: Device) => string
  sizes: FetchSizes
}

const messageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), token: z.string() }),
  z.object({ type: z.literal('look'), id: z.string() }),
  z.object({ type: z.literal('take') }),
  z.object({ type: z.literal('release') }),
  z.object({ type: z.literal('keys'), data: z.base64() }),
])

function parseMessage(text: string): z.infer<typeof messageSchema> | undefined {
  return messageSchema.safeParse(readJson(text)).data
}

/** A page's session, independent of its transport. Disposing it releases the console. */
export class PageSession implements Disposable {
  readonly #parts: PageParts
  readonly #send: (message: LabMessage) => void
  readonly #deny: () => void
  #isKnown = false
  #lookingAt: string | undefined
  #watch: Disposable | undefined
  #keyboard: Disposable | undefined
  /** The last message of each type, so that only changes are sent. */
  readonly #sent = new Map<LabMessage['type'], string>()

  /** `deny` ends the connection of a page that does not know the token. */
  constructor(parts: PageParts, send: (message: LabMessage) => void, deny: () => void) {
    this.#parts = parts
    this.#send = send
    this.#deny = deny
  }

  get isKnown(): boolean {
    return this.#isKnown
  }

  /** Handles a message of the page. */
  take(text: string): void {
    const message = parseMessage(text)
    if (message?.type === 'hello' && isSameSecret(message.token, this.#parts.cloud.token)) this.#isKnown = true
    else if (!this.#isKnown || message === undefined) {
      this.#send({ type: 'denied' })
      return this.#deny()
    }
    if (message.type === 'look') this.#look(message.id)
    if (message.type === 'take') this.#takeKeyboard()
    if (message.type === 'release') this.#release()
    if (message.type === 'keys' && this.#keyboard !== undefined) {
      this.#body?.chassis.port.type(Buffer.from(message.data, 'base64'))
    }
    this.refresh()
  }

  /** Sends the changes since the last time. */
  refresh(): void {
    if (!this.#isKnown) return
    const { cloud, devices, words } = this.#parts
    const power = (device: Device) => powerOf(device, devices.find(device.id)?.chassis)
    const machines = listDevices(cloud).map((device) => summarize(device, power(device), words))
    this.#sendChange({ type: 'machines', machines: machines.toReversed() })
    const { inventory } = cloud.settings
    if (inventory !== undefined) {
      const holders = new Map([...cloud.devices.values()].map((device) => [device.machine, device]))
      const stock = inventory.machines.map((machine) => {
        const device = holders.get(machine.name)
        return describeStock(machine, inventory, device && { device, power: power(device) })
      })
      this.#sendChange({ type: 'stock', machines: stock })
    }
    const body = this.#body
    if (body === undefined) return
    const { device, chassis } = body
    const bootUrl = this.#parts.bootUrlOf(device)
    const fetched = this.#parts.sizes.add(chassis.memory.fetched, device)
    const detail = describeDetail(device, bootUrl, fetched, this.#describeKeyboard())
    this.#sendChange({ type: 'detail', detail })
  }

  [Symbol.dispose](): void {
    this.#release()
    this.#watch?.[Symbol.dispose]()
  }

  get #body() {
    return this.#lookingAt === undefined ? undefined : this.#parts.devices.find(this.#lookingAt)
  }

  #describeKeyboard(): Keyboard {
    if (this.#keyboard !== undefined) return 'yours'
    return this.#body?.chassis.port.isTaken === true ? 'taken' : 'free'
  }

  #sendChange(message: LabMessage): void {
    const text = JSON.stringify(message)
    if (this.#sent.get(message.type) === text) return
    this.#sent.set(message.type, text)
    this.#send(message)
  }

  #look(id: string): void {
    this[Symbol.dispose]()
    this.#watch = undefined
    this.#lookingAt = id
    const chassis = this.#body?.chassis
    if (chassis === undefined) return
    const show = (bytes: Buffer, isStart: boolean) =>
      this.#send({ type: 'console', id, data: bytes.toString('base64'), isStart })
    show(chassis.memory.recent, true)
    this.#watch = chassis.port.watch((bytes) => show(bytes, false))
  }

  /** Takes the machine's only session for the page, as a client of the SOS would. */
  #takeKeyboard(): void {
    this.#keyboard ??= this.#body?.chassis.port.attach(
      () => {},
      () => this.#release(),
    )
  }

  #release(): void {
    this.#keyboard?.[Symbol.dispose]()
    this.#keyboard = undefined
  }
}
