// Devices of a lab without a lab.
import { labCatalogue } from '../../../src/lab/cloud/lab-catalogue.ts'
import { findMetro, findOperatingSystem, findPlan } from '../../../src/lab/cloud/catalogue.ts'
import { createDevice, type Device } from '../../../src/lab/cloud/device.ts'

/** A queued device, with the test's fields. */
export function makeDevice(fields: Partial<Device> = {}): Device {
  const [plan, metro] = [findPlan(labCatalogue, 'c3.small.x86'), findMetro(labCatalogue, 'ny')]
  const operatingSystem = findOperatingSystem(labCatalogue, 'custom_ipxe')
  if (plan === undefined || metro === undefined || operatingSystem === undefined) {
    throw new Error('not in the catalogue')
  }
  const device = createDevice('project', {
    plan,
    metro,
    facilityCode: 'ny5',
    operatingSystem,
    hostname: 'box',
    description: null,
    billingCycle: 'hourly',
    ipxeScriptUrl: 'http://192.0.2.1/x.ipxe',
    userdata: '',
    customdata: {},
    alwaysPxe: false,
    locked: false,
    networkFrozen: false,
    tags: [],
    terminationTime: null,
    spotInstance: false,
    spotPriceMax: undefined,
    addressKinds: ['public_ipv4', 'public_ipv6', 'private_ipv4'],
    keyIds: [],
  })
  return { ...device, ...fields }
}
