// A slot for virtual media as Redfish shows it (DSP2046, VirtualMedia), and the requests that fill and empty it.
import { z } from 'zod'
import { plainText } from '../../../text/plain-text.ts'

const text = z.string().nullish().catch(undefined)
const action = z.looseObject({ target: z.string() }).optional().catch(undefined)

/** A slot. */
export const slotSchema = z.looseObject({
  '@odata.etag': z.string().optional().catch(undefined),
  MediaTypes: z.array(z.string()).nullish().catch(undefined),
  Image: text,
  ImageName: text,
  Inserted: z.boolean().nullish().catch(undefined),
  Actions: z
    .looseObject({ '#VirtualMedia.InsertMedia': action, '#VirtualMedia.EjectMedia': action })
    .optional()
    .catch(undefined),
})

/** A slot. */
export type Slot = z.infer<typeof slotSchema>

/** Whether a slot takes discs. Cisco's takes DVDs only. */
export function isForDiscs({ MediaTypes }: Slot): boolean {
  return MediaTypes?.some((type) => type === 'CD' || type === 'DVD') === true
}

/** Whether an image is inserted. Supermicro shows the names of an image after it was ejected. */
export function isFull({ Inserted, Image }: Slot): boolean {
  return Inserted ?? (Image ?? '') !== ''
}

function lastPart(path: string): string {
  return path.split(/[/\\]/).at(-1) ?? ''
}

/** Whether an image of this URL is inserted. Its host and port do not count: the rack may have had others. */
export function holds(slot: Slot, url: string): boolean {
  const { Image, ImageName } = slot
  if (!isFull(slot)) return false
  const { pathname } = new URL(url)
  if ((Image ?? '') === '') return ImageName === lastPart(pathname)
  return URL.canParse(Image ?? '') && new URL(Image ?? '').pathname === pathname
}

/** The image of a slot in words. Its URL may have a password or a key, which are left out. */
export function describeImage({ Image, ImageName }: Slot): string {
  const url = URL.canParse(Image ?? '') ? new URL(Image ?? '') : undefined
  const name = url === undefined ? lastPart(Image ?? '') || lastPart(ImageName ?? '') : url.host + url.pathname
  const shown = plainText(name.replace(/[?#].*/s, '')).slice(0, 200)
  return shown === '' ? 'an image without a name' : `"${shown}"`
}

/**
 * The bodies of the request that inserts an image, usual ones first. Supermicro refuses Inserted and WriteProtected, others want them, or
 * how the image is transferred (sushy). NVIDIA's DGX wants a user, though the server asks for none.
 */
export function insertBodies(slot: Slot, url: string): Record<string, unknown>[] {
  const Image = url
  const state = { Inserted: true, WriteProtected: true }
  // Without the action it is a change of the slot; Lenovo's XCC then inserts nothing unless it is told to.
  if (slot.Actions?.['#VirtualMedia.InsertMedia'] === undefined) return [{ Image, ...state }, { Image }]
  const protocol = { TransferProtocolType: new URL(url).protocol === 'https:' ? 'HTTPS' : 'HTTP' }
  const transfer = { ...protocol, TransferMethod: 'Stream' }
  const login = { UserName: 'none', Password: 'none' }
  return [{}, protocol, transfer, { ...transfer, ...state }, { ...transfer, ...login }].map((more) => ({
    Image,
    ...more,
  }))
}

/** The bodies of the request that ejects an image: HPE wants an empty object, others want nothing. */
export function ejectBodies(slot: Slot): unknown[] {
  if (slot.Actions?.['#VirtualMedia.EjectMedia'] !== undefined) return [{}, undefined]
  return [{ Image: null, Inserted: false }, { Image: null }]
}
