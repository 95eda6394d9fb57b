// Creates devices, one or a batch per call (InstancesBatchCreateInput.yaml).
import { randomUUID } from 'node:crypto'
import { z } from 'zod/mini'

import { findRoom } from '../../cloud/capacity.ts'
import type { Batch, Cloud } from '../../cloud/cloud.ts'
import { createDevice, type Device } from '../../cloud/device.ts'
import type { Devices } from '../../cloud/life/devices.ts'
import { type Checked, checkShape, errorsOf } from './check.ts'
import { giveReservations } from './device-addresses.ts'
import { checkCreate, notProvisionable } from './device-input.ts'

/** Creates a device for each body, or no device if any body is refused. Each reason is given once. */
export function createDevices(
  bodies: readonly unknown[],
  projectId: string,
  cloud: Cloud,
  devices: Devices,
): Checked<Device[]> {
  const checked = bodies.map((body) => checkCreate(body, cloud, projectId))
  const errors = new Set(checked.flatMap(errorsOf))
  if (errors.size > 0) return { errors: [...errors] }
  const requests = checked.flatMap((result) => ('value' in result ? result.value : []))
  const reserved = requests.flatMap(({ reservations }) => reservations)
  const twice = reserved.filter((reservation, index) => reserved.indexOf(reservation) !== index)
  if (twice.length > 0) return { errors: twice.map(({ block }) => `${block} is not available`) }
  const named = requests.flatMap(({ machine }) => machine ?? [])
  if (new Set(named).size < named.length) return { errors: [notProvisionable] }
  const machines = findRoom(
    cloud,
    requests.map(({ request, machine }) => ({ plan: request.plan, machine })),
  )
  if (machines === undefined) return { errors: ["There aren't available servers in that metro"] }
  const created = requests.map(({ request, addedKeys, reservations }, index) => {
    for (const key of addedKeys) cloud.keys.set(key.id, key)
    const device = createDevice(projectId, request, machines[index])
    giveReservations(reservations, device.id, cloud)
    devices.create(device)
    return device
  })
  return { value: created }
}

/** The highest number of devices in a batch (inferred). */
const maxBatchLength = 100

const batchSchema = z.looseObject({
  batches: z
    .array(
      z.looseObject({
        quantity: z.nullish(z.int().check(z.gte(1), z.lte(maxBatchLength))),
        hostname: z.nullish(z.string()),
        hostnames: z.nullish(z.array(z.string()).check(z.maxLength(maxBatchLength))),
      }),
    )
    .check(z.minLength(1), z.maxLength(maxBatchLength)),
})

/** The bodies of a batch's devices. `{{index}}` in the host name stands for the device's number, from 01. */
export function expandBatch(batch: z.infer<typeof batchSchema>['batches'][number]): object[] {
  const { quantity, hostnames, ...body } = batch
  const count = quantity ?? hostnames?.length ?? 1
  return Array.from({ length: count }, (_, index) => {
    const hostname = hostnames?.[index] ?? body.hostname
    const number = String(index + 1).padStart(2, '0')
    return hostname === undefined || hostname === null
      ? body
      : { ...body, hostname: hostname.replaceAll('{{index}}', number) }
  })
}

/** Creates the batches of a body: all of their devices, or none. */
export function createBatches(json: unknown, projectId: string, cloud: Cloud, devices: Devices): Checked<Batch[]> {
  const shape = checkShape(batchSchema, json)
  if ('errors' in shape) return shape
  const groups = shape.value.batches.map(expandBatch)
  const created = createDevices(groups.flat(), projectId, cloud, devices)
  if ('errors' in created) return created
  let from = 0
  const batches = groups.map((group): Batch => {
    const deviceIds = created.value.slice(from, (from += group.length)).map(({ id }) => id)
    return { id: randomUUID(), projectId, deviceIds, createdAt: new Date().toISOString() }
  })
  for (const batch of batches) cloud.batches.set(batch.id, batch)
  return { value: batches }
}
