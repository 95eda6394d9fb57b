// Batches: the devices that one call created (Batch.yaml, BatchesList.yaml).
import type { Batch, Cloud } from '../../cloud/cloud.ts'
import type { Devices } from '../../cloud/life/devices.ts'
import { created, noContent, notFound, ok, unprocessable } from '../../web/answer.ts'
import { hrefOf } from '../views/catalogue.ts'
import { wireTime } from '../views/time.ts'
import { createBatches } from '../input/device-create.ts'
import { withInput } from '../input/body.ts'
import type { Route } from '../../web/router.ts'
import { withProject } from './named.ts'

/** A batch, with the devices that still exist. */
function batchView(batch: Batch, cloud: Cloud) {
  return {
    id: batch.id,
    state: 'completed',
    quantity: batch.deviceIds.length,
    error_messages: [],
    devices: batch.deviceIds.filter((id) => cloud.devices.has(id)).map((id) => hrefOf(`/devices/${id}`)),
    project: hrefOf(`/projects/${batch.projectId}`),
    created_at: wireTime(batch.createdAt),
    updated_at: wireTime(batch.createdAt),
  }
}

/** Routes for batches. */
export function batchRoutes(cloud: Cloud, devices: Devices): Route[] {
  const listAll = (batches: Iterable<Batch>) => ({ batches: [...batches].map((batch) => batchView(batch, cloud)) })
  return [
    [
      'POST /projects/{id}/devices/batch',
      (request) =>
        withProject(cloud, request.parameters[0], (project) =>
          withInput(request, (json) => {
            const batches = createBatches(json, project.id, cloud, devices)
            return 'errors' in batches ? unprocessable(...batches.errors) : created(listAll(batches.value))
          }),
        ),
    ],
    [
      'GET /projects/{id}/batches',
      ({ parameters: [id] }) =>
        withProject(cloud, id, () =>
          ok(listAll([...cloud.batches.values()].filter(({ projectId }) => projectId === id))),
        ),
    ],
    [
      'GET /batches/{id}',
      ({ parameters: [id = ''] }) => {
        const batch = cloud.batches.get(id)
        return batch === undefined ? notFound : ok(batchView(batch, cloud))
      },
    ],
    [
      'DELETE /batches/{id}',
      ({ parameters: [id = ''], query }) => {
        const batch = cloud.batches.get(id)
        if (batch === undefined) return notFound
        if (query.get('remove_associated_instances') === 'true') {
          const batchDevices = batch.deviceIds.flatMap((deviceId) => cloud.devices.get(deviceId) ?? [])
          if (batchDevices.some(({ locked }) => locked)) return unprocessable('Cannot delete a locked item')
          for (const device of batchDevices) devices.remove(device)
        }
        cloud.batches.delete(id)
        return noContent
      },
    ],
  ]
}
