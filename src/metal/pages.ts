// A list of devices, read through all its pages, whatever the API says of how many there are.
import type { z } from 'zod'
import { ApiError } from '../errors.ts'
import type { Device, deviceListSchema, metaSchema } from './schema.ts'

/** More than any project has machines, at a hundred a page. */
const maxPages = 1000

/** Whether a list goes on after a page, if any of the ways to say so does; a list that says nothing is asked again. */
function hasMore(meta: z.infer<typeof metaSchema> | null | undefined, page: number, read: number): boolean {
  const { next, last_page: lastPage, total } = meta ?? {}
  const isSilent = next === undefined && typeof lastPage !== 'number' && typeof total !== 'number'
  return isSilent || Boolean(next?.href) || page < (lastPage ?? 0) || read < (total ?? 0)
}

/** All devices, each once. @throws ApiError for a list without end */
export async function readPages(
  readPage: (page: number) => Promise<z.infer<typeof deviceListSchema>>,
): Promise<Device[]> {
  const devices = new Map<string, Device>()
  for (let page = 1; ; page++) {
    const list = await readPage(page)
    const before = devices.size
    for (const device of list.devices) devices.set(device.id, device)
    // A page without anything new is the end, whatever the API says of further ones: some lists have no end.
    if (devices.size === before || !hasMore(list.meta, page, devices.size)) return [...devices.values()]
    if (page === maxPages) {
      throw new ApiError(`listing the project's machines: the list has no end (${maxPages} pages)`, {
        hint: 'check that --api-url is a Metal API',
      })
    }
  }
}
