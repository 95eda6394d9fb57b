// The filters of device lists.
import { findFacility, findMetro } from '../../cloud/catalogue.ts'
import type { Device } from '../../cloud/device.ts'
import { addressBlocks } from '../views/network.ts'

/** The texts of a device that `search` covers, in lower case: the search ignores case. */
function searchedTexts(device: Device): string[] {
  return [
    device.hostname,
    device.description ?? '',
    device.shortId,
    ...device.tags,
    device.plan.slug,
    device.facilityCode,
    device.metro.name,
    device.operatingSystem.slug,
    device.operatingSystem.name,
    ...addressBlocks(device).map(({ address }) => address),
  ]
}

/** Whether a device passes one filter. A parameter that is not a filter lets every device pass. */
function passes(device: Device, name: string, wanted: string): boolean {
  switch (name) {
    case 'search':
      return searchedTexts(device).some((text) => text.toLowerCase().includes(wanted.toLowerCase()))
    case 'hostname':
      return device.hostname.includes(wanted)
    case 'tag':
      return device.tags.includes(wanted)
    case 'metro':
      return findMetro(wanted)?.code === device.metro.code
    case 'facility':
      return findFacility(wanted)?.code === device.facilityCode
    case 'mac_address':
      return device.macs.some((mac) => mac === wanted.toLowerCase())
    case 'type':
      return wanted === (device.spotInstance ? 'spot' : 'ondemand')
    case 'reserved':
      return wanted !== 'true'
    case 'has_termination_time':
      return (device.terminationTime !== null) === (wanted === 'true')
    case 'categories':
    case 'categories[]':
      return wanted.split(',').includes('compute')
    default:
      return true
  }
}

/** Whether a device passes all filters of a query. Empty filters are ignored. No device of a lab is reserved. */
export function matchesQuery(device: Device, query: URLSearchParams): boolean {
  return [...query].every(([name, wanted]) => wanted === '' || passes(device, name, wanted))
}
