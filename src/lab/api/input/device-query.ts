// The filters of device lists.
import { type Catalogue, findFacility, findMetro } from '../../cloud/catalogue.ts'
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
function passes(device: Device, name: string, value: string, catalogue: Catalogue): boolean {
  const isReserved = device.machine !== undefined
  switch (name) {
    case 'search':
      return searchedTexts(device).some((text) => text.toLowerCase().includes(value.toLowerCase()))
    case 'hostname':
      return device.hostname.includes(value)
    case 'tag':
      return device.tags.includes(value)
    case 'metro':
      return findMetro(catalogue, value)?.code === device.metro.code
    case 'facility':
      return findFacility(catalogue, value)?.code === device.facilityCode
    case 'mac_address':
      return device.macs.some((mac) => mac === value.toLowerCase())
    case 'type':
      return value === (isReserved ? 'reserved' : device.spotInstance ? 'spot' : 'ondemand')
    case 'reserved':
      return isReserved === (value === 'true')
    case 'has_termination_time':
      return (device.terminationTime !== null) === (value === 'true')
    case 'categories':
    case 'categories[]':
      return value.split(',').includes('compute')
    default:
      return true
  }
}

/** Whether a device passes all filters of a query. Empty filters are ignored. A machine of an inventory is a hardware reservation. */
export function matchesQuery(device: Device, query: URLSearchParams, catalogue: Catalogue): boolean {
  return [...query].every(([name, value]) => value === '' || passes(device, name, value, catalogue))
}
