// Reads all pages of a list of devices, even if the API reports a wrong number of pages.
import type { z } from 'zod/mini'
import { ApiError } from '../errors.ts'
import type { Device, deviceListSchema, metaSchema } from './schema.ts'

/** At a hundred machines per page, more than any project has. */
const maxPages = 1000

/** Whether any field says that a list continues after a page; if all fields are missing, the next page is requested too. */
function hasMore(meta: z.infer<typeof metaSchema> | null | undefined, page: number, read: number): boolean {
  const { next, last_page: lastPage, total } = meta ?? {}
  const isSilent = next === undefined && typeof lastPage !== 'number' && typeof total !== 'number'
  return isSilent || Boolean(next?.href) || page < (lastPage ?? 0) || read < (total ?? 0)
}

/** All devices, each once. @throws ApiError if the list never ends */
export async function readPages(
  readPage: (page: number) => Promise<z.infer<typeof deviceListSchema>>,
): Promise<Device[]> {
  const devices = new Map<string, Device>()
  for (let page = 1; ; page++) {
    const list = await readPage(page)
    const before = devices.size
    for (const device of list.devices) devices.set(device.id, device)
    // A page without new devices is the end, even if the API reports more: some lists repeat forever.
    if (devices.size === before || !hasMore(list.meta, page, devices.size)) return [...devices.values()]
    if (page === maxPages) {
      throw new ApiError(`listing the project's machines: the list has no end (${maxPages} pages)`, {
        layer: 'metal',
        hint: 'check that --api-url is a Metal API',
      })
    }
  }
}
