// The machines of an inventory on the wire, as hardware reservations (HardwareReservation.yaml).
import { findPlan } from '../../cloud/catalogue.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import { machineId, type StockedMachine } from '../../cloud/inventory.ts'
import { nameUuid } from '../../storage/name-uuid.ts'
import { facilityView, hrefOf, planView } from './catalogue.ts'
import { wireTime } from './time.ts'

/**
 * A machine. It belongs to every project until a device has it. `need_of_service` says that it is set aside; then it is not provisionable,
 * as while a device has it.
 */
export function hardwareView({ name, plan: slug }: StockedMachine, holder: Device | undefined, cloud: Cloud) {
  const { catalogue, inventory } = cloud.settings
  const id = machineId(name)
  const plan = findPlan(catalogue, slug)
  const [facility] = catalogue.facilities
  const why = inventory?.whyUnusable(name)
  return {
    ...hrefOf(`/hardware-reservations/${id}`),
    id,
    short_id: id.slice(0, 8),
    created_at: wireTime(cloud.createdAt),
    ...(plan === undefined ? {} : { plan: planView(plan, catalogue) }),
    ...(facility === undefined ? {} : { facility: facilityView(facility.code, facility.metro) }),
    project: hrefOf(`/projects/${holder?.projectId ?? cloud.projectId}`),
    ...(holder === undefined ? {} : { device: hrefOf(`/devices/${holder.id}`) }),
    provisionable: holder === undefined && why === undefined,
    spare: false,
    need_of_service: why !== undefined,
    switch_uuid: nameUuid(`switch ${facility?.metro.code ?? ''}`).slice(0, 8),
    custom_rate: 0,
    /** Not in the specification: the machine's name in the rack file, and why no device may get it. */
    name,
    ...(why === undefined ? {} : { why }),
  }
}
