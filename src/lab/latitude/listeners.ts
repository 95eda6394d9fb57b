// The servers of the face of Latitude.sh.
import { lineOf } from '../cloud/account/key-record.ts'
import type { FaceServers } from '../face/face.ts'
import { startSos } from '../sos/sos.ts'
import { createLatitudeApi } from './api.ts'
import { findByUsername } from './model/out-of-band.ts'

/** The API, and the consoles: the user name is that of the out-of-band connection, whose key opens the console. */
export const latitudeServers: FaceServers = {
  createApi: createLatitudeApi,
  async startConsoles({ cloud, devices, keys, faults, report }, door) {
    const findPort = (username: string) => {
      const login = findByUsername(cloud, username)
      const port = devices.findPort(login?.device.id ?? '')
      const key = cloud.keys.get(login?.connection.keyId ?? '')
      if (port === undefined || key === undefined) return undefined
      return { port, keys: [lineOf(key)], isReadOnly: () => false }
    }
    // The service's own texts and escapes are not known.
    const manners = { greeting: '', hasEscapes: false }
    return await startSos({ listen: door.address, hostKey: keys.hostKey, findPort, faults, report, ...manners }, door)
  },
}
