// Checks of requests to create a device (DeviceCreateInput.yaml). [I] marks texts of refusals that are inferred, in the style of
// the known ones.
import { z } from 'zod/mini'

import {
  type Catalogue,
  facilityOf,
  findFacility,
  findMetro,
  findOperatingSystem,
  findPlan,
  type Metro,
  type Plan,
} from '../../cloud/catalogue.ts'
import type { Reservation } from '../../cloud/addresses/reservation.ts'
import { countFree } from '../../cloud/capacity.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import type { DeviceRequest } from '../../cloud/device.ts'
import { findStockedMachine, freeMachines, type MachineWish } from '../../cloud/inventory.ts'
import type { KeyRecord } from '../../cloud/account/key-record.ts'
import {
  amount,
  changeableFields,
  type Checked,
  checkHostname,
  checkScript,
  checkShape,
  choose,
  errorsOf,
} from './check.ts'
import { addressesSchema, checkAddresses, refuseReservations } from './device-addresses.ts'
import { chooseKeys, keyFields } from './device-keys.ts'

const createSchema = z.looseObject({
  ...changeableFields,
  ...keyFields,
  plan: z.nullish(z.string()),
  metro: z.nullish(z.string()),
  /** The specification has a list; a single string is accepted too. */
  facility: z.nullish(z.union([z.string(), z.array(z.string())])),
  operating_system: z.nullish(z.string()),
  termination_time: z.nullish(z.string()),
  spot_price_max: z.nullish(amount),
  hardware_reservation_id: z.nullish(z.string()),
  ip_addresses: z.nullish(addressesSchema),
})

/** The refusal of a machine that another device has, or that is set aside. */
export const notProvisionable = 'Server is not provisionable'

function checkTerminationTime(time: string | null | undefined): string[] {
  if (time === undefined || time === null || time === '') return []
  return Date.parse(time) > Date.now() ? [] : ['Termination time must be in the future']
}

/** Chooses the machine that a request names. A lab has no hardware reservations, so it refuses every id; most texts are not known [I]. */
function chooseMachine(
  id: string | null | undefined,
  plan: Plan | undefined,
  cloud: Cloud,
): Checked<MachineWish['machine']> {
  if (id === undefined || id === null || id === '') return { value: undefined }
  if (id === 'next-available') {
    const hasOne = cloud.settings.inventory !== undefined && plan !== undefined && countFree(cloud, plan) > 0
    return hasOne ? { value: undefined } : { errors: ['There are no available hardware reservations'] }
  }
  const machine = findStockedMachine(cloud, id)
  if (machine === undefined) return { errors: [`${id} is not a valid hardware reservation`] }
  if (plan !== undefined && plan.slug !== machine.plan) {
    return { errors: [`The plan of the hardware reservation ${id} is ${machine.plan}`] }
  }
  return freeMachines(cloud).includes(machine) ? { value: machine } : { errors: [notProvisionable] }
}

/** Chooses the location of a device. A facility is more precise than a metro, so it is preferred if facilities are allowed. */
function choosePlace(
  input: z.infer<typeof createSchema>,
  catalogue: Catalogue,
): Checked<{ metro: Metro; facilityCode: string }> {
  const facilities = [input.facility ?? []].flat()
  if (facilities.length > 0 && facilities[0] !== 'any') {
    const location = facilities.map((code) => findFacility(catalogue, code)).find((facility) => facility !== undefined)
    if (location !== undefined) return { value: { metro: location.metro, facilityCode: location.code } }
    return {
      errors: facilities.map((code) => (code === '' ? "Facility can't be blank" : `${code} is not a valid facility`)),
    }
  }
  const metro = choose('metro', facilities[0] ?? input.metro, (name) => findMetro(catalogue, name))
  return 'errors' in metro ? metro : { value: { metro: metro.value, facilityCode: facilityOf(catalogue, metro.value) } }
}

/** A request to create a device, with everything that it names. */
export interface CheckedCreate {
  request: DeviceRequest
  machine: MachineWish['machine']
  addedKeys: KeyRecord[]
  reservations: Reservation[]
}

/** Checks the body of a create request. All reasons are given at once, except for a facility: that is refused first, even if empty. */
export function checkCreate(body: unknown, cloud: Cloud, projectId: string): Checked<CheckedCreate> {
  // The official Go client writes null if no facility is given.
  const isNamed = typeof body === 'object' && body !== null && 'facility' in body && body.facility !== null
  if (isNamed && !cloud.settings.facilities) {
    return {
      errors: [
        `The 'facility' parameter is not supported for organization ${cloud.organizationId}. For more details, see https://feedback.equinixmetal.com/changelog/bye-facilities-hello-again-metros`,
      ],
    }
  }
  const shape = checkShape(createSchema, body)
  if ('errors' in shape) return shape
  const input = shape.value
  const { catalogue } = cloud.settings
  const plan = choose('plan', input.plan, (name) => findPlan(catalogue, name))
  const machine = chooseMachine(input.hardware_reservation_id, 'value' in plan ? plan.value : undefined, cloud)
  const place = choosePlace(input, catalogue)
  const system = choose('operating system', input.operating_system, (name) => findOperatingSystem(catalogue, name))
  const keys = chooseKeys(input, cloud, projectId)
  const addresses = checkAddresses(input.ip_addresses, cloud, projectId)
  const userdata = input.userdata ?? ''
  const errors = [
    ...[plan, place, system].flatMap(errorsOf),
    ...('value' in system ? checkScript(system.value, input.ipxe_script_url, userdata) : []),
    ...checkHostname(input.hostname),
    ...checkTerminationTime(input.termination_time),
    ...errorsOf(machine),
    ...errorsOf(addresses),
    ...('value' in addresses && 'value' in place
      ? refuseReservations(addresses.value.reservations, place.value.metro.code, cloud)
      : []),
    ...errorsOf(keys),
  ]
  if (
    errors.length > 0 ||
    'errors' in machine ||
    'errors' in plan ||
    'errors' in place ||
    'errors' in system ||
    'errors' in keys
  ) {
    return { errors }
  }
  if ('errors' in addresses) return addresses
  const request: DeviceRequest = {
    plan: plan.value,
    ...place.value,
    operatingSystem: system.value,
    hostname: input.hostname === null || input.hostname === '' ? undefined : input.hostname,
    description: input.description ?? null,
    billingCycle: input.billing_cycle ?? 'hourly',
    ipxeScriptUrl: input.ipxe_script_url ?? null,
    userdata,
    customdata: input.customdata ?? {},
    alwaysPxe: input.always_pxe ?? false,
    locked: input.locked ?? false,
    networkFrozen: input.network_frozen ?? false,
    spotInstance: input.spot_instance ?? false,
    spotPriceMax: input.spot_price_max ?? undefined,
    addressKinds: addresses.value.kinds,
    tags: input.tags ?? [],
    terminationTime: input.termination_time ? new Date(input.termination_time).toISOString() : null,
    keyIds: keys.value.ids,
  }
  return {
    value: {
      request,
      machine: machine.value,
      addedKeys: keys.value.added,
      reservations: addresses.value.reservations,
    },
  }
}
