// The servers of the face of Equinix Metal.
import { keyLinesOf } from '../cloud/cloud.ts'
import { isComingUp } from '../cloud/device-state.ts'
import type { FaceServers } from '../face/face.ts'
import { startSos } from '../sos/sos.ts'
import { createMetalApi } from './handler.ts'
import { requireToken } from './routes/api-key.ts'

/** The API, and Serial over SSH: the user name is the device's id, and one of the device's keys opens its console. */
export const metalServers: FaceServers = {
  createApi: createMetalApi,
  guard: requireToken,
  async startConsoles({ cloud, devices, keys, faults, report }, door) {
    const findPort = (id: string) => {
      const device = cloud.devices.get(id)
      const port = devices.findPort(id)
      if (device === undefined || port === undefined) return undefined
      return { port, keys: keyLinesOf(cloud, device), isReadOnly: () => isComingUp(device) }
    }
    return await startSos({ listen: door.address, hostKey: keys.hostKey, findPort, faults, report }, door)
  },
}
