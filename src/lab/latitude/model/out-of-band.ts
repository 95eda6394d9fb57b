// Out-of-band connections: each lets one key into the console of a server, under a user name of its own.
import { z } from 'zod/mini'

import type { Cloud } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import { randomId } from './ids.ts'

const connectionSchema = z.object({
  id: z.string(),
  /** The N of server-N. */
  number: z.int(),
  keyId: z.string(),
  /** RFC 3339. */
  createdAt: z.string(),
})
/** A connection. */
export type OutOfBandConnection = z.infer<typeof connectionSchema>

/** The connection of a server; undefined if none was made. */
export function findConnection({ extra }: Pick<Device, 'extra'>): OutOfBandConnection | undefined {
  const parsed = connectionSchema.safeParse(extra?.['outOfBand'])
  return parsed.success ? parsed.data : undefined
}

/** Makes the connection of a server for a key; another key replaces the first, and the user name stays. */
export function connectOutOfBand(device: Device, keyId: string, cloud: Cloud): OutOfBandConnection {
  const before = findConnection(device)
  const taken = [...cloud.devices.values()].map((other) => findConnection(other)?.number ?? 0)
  const connection: OutOfBandConnection = {
    id: before?.id ?? randomId('obc'),
    number: before?.number ?? Math.max(0, ...taken) + 1,
    keyId,
    createdAt: new Date().toISOString(),
  }
  device.extra = { ...device.extra, outOfBand: connection }
  return connection
}

/** The user name of a connection. */
export function usernameOf({ number }: OutOfBandConnection): string {
  return `server-${number}`
}

/** The device whose console a user name opens, and its connection. */
export function findByUsername(
  cloud: Cloud,
  username: string,
): { device: Device; connection: OutOfBandConnection } | undefined {
  for (const device of cloud.devices.values()) {
    const connection = findConnection(device)
    if (connection !== undefined && usernameOf(connection) === username) return { device, connection }
  }
  return undefined
}
