// Instance console connections: each opens the serial console of one instance to one RSA key, through the gateway.
import { createHash, randomUUID } from 'node:crypto'
import { type Address, formatAddress } from '../../../address.ts'
import type { consoleConnectionStates } from '../../../oci/schema.ts'
import { regionalOcid } from '../account/ocid.ts'
import { stateOf } from '../compute/state.ts'
import type { Instance, Instances } from '../compute/instances.ts'

/** The states of a connection. */
export type ConnectionState = (typeof consoleConnectionStates)[number]

/** A console connection. */
export interface ConsoleConnection {
  readonly id: string
  readonly instance: Instance
  /** The public key in SSH's wire format. */
  readonly keyBlob: Buffer
  state: ConnectionState
  freeformTags: unknown
  definedTags: unknown
  readonly createdAt: string
  /** When it was deleted, in ms since 1970. */
  deletedMs?: number
}

/** How many connections a tenancy may have. */
export const maxConnections = 10

/** How long a deleted connection stays listed. */
const shownMs = 3_600_000

/** `SHA256:…` of a key in wire format, as ssh shows it. */
export function sshFingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

/** The fields of SSH's wire format at the beginning of a blob. */
function wireFields(blob: Buffer): Buffer[] {
  const fields: Buffer[] = []
  for (let at = 0; at + 4 <= blob.length;) {
    const end = at + 4 + blob.readUInt32BE(at)
    if (end > blob.length) return []
    fields.push(blob.subarray(at + 4, end))
    at = end
  }
  return fields
}

/** Reads an `ssh-rsa` line with at least 2048 bits; of several lines the first counts. Undefined for any other key. */
export function readRsaKey(text: string): Buffer | undefined {
  const [line = ''] = text.trim().split('\n')
  const [, base64] = /^ssh-rsa ([A-Za-z0-9+/]+={0,2})(?: .*)?$/.exec(line.trim()) ?? []
  if (base64 === undefined) return undefined
  const blob = Buffer.from(base64, 'base64')
  const [type, exponent, modulus, ...rest] = wireFields(blob)
  const isRsa = type?.toString('latin1') === 'ssh-rsa' && exponent !== undefined && rest.length === 0
  return isRsa && modulus !== undefined && modulus.length >= 256 ? blob : undefined
}

/** The connections of a tenancy. Disposing it ends their timers. */
export class Connections implements Disposable {
  readonly #instances: Instances
  readonly #stepMs: number
  readonly #all = new Map<string, ConsoleConnection>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #onDelete: (id: string) => void = () => {}

  constructor(instances: Instances, stepMs: number) {
    this.#instances = instances
    this.#stepMs = stepMs
  }

  /** Calls back for each connection that is deleted: its sessions end. */
  onDelete(callback: (id: string) => void): void {
    this.#onDelete = callback
  }

  /** All connections, oldest first; those of terminated instances are deleted. */
  list(): ConsoleConnection[] {
    const nowMs = Date.now()
    for (const connection of this.#all.values()) {
      const { deletedMs = nowMs, id, instance } = connection
      if (deletedMs + shownMs < nowMs) this.#all.delete(id)
      if (isOpen(connection) && stateOf(instance.device) === 'TERMINATED') this.#finish(connection)
    }
    return [...this.#all.values()]
  }

  /** Finds a connection by id. */
  find(id: string): ConsoleConnection | undefined {
    return this.list().find((connection) => connection.id === id)
  }

  /** The connections that count: everything that is not deleted. */
  get open(): ConsoleConnection[] {
    return this.list().filter(isOpen)
  }

  /** Creates a connection, which becomes ACTIVE, or FAILED, or stays CREATING. */
  create(
    parts: Pick<ConsoleConnection, 'instance' | 'keyBlob' | 'freeformTags' | 'definedTags'>,
    becomes: ConnectionState = 'ACTIVE',
  ): ConsoleConnection {
    const id = regionalOcid('instanceconsoleconnection', randomUUID())
    const connection: ConsoleConnection = { ...parts, id, state: 'CREATING', createdAt: new Date().toISOString() }
    this.#all.set(id, connection)
    if (becomes !== 'CREATING') {
      this.#later(() => {
        if (connection.state === 'CREATING') connection.state = becomes
      })
    }
    return connection
  }

  /** Starts to delete a connection. */
  delete(connection: ConsoleConnection): void {
    connection.state = 'DELETING'
    this.#onDelete(connection.id)
    this.#later(() => this.#finish(connection))
  }

  #finish(connection: ConsoleConnection): void {
    connection.state = 'DELETED'
    connection.deletedMs = Date.now()
    this.#onDelete(connection.id)
  }

  #later(task: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      task()
    }, this.#stepMs)
    this.#timers.add(timer)
  }

  /** The instances that connections belong to. */
  get instances(): Instances {
    return this.#instances
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }
}

function isOpen({ state }: ConsoleConnection): boolean {
  return state !== 'DELETED'
}

/** A connection as the API shows it. Its strings are for a gateway at an address, with this host key. */
export function connectionView(
  { id, instance, keyBlob, state, freeformTags, definedTags }: ConsoleConnection,
  gateway: Address,
  hostKeyFingerprint: string,
): Record<string, unknown> {
  const { host } = gateway
  const hop = `-p ${gateway.port} ${id}@${host.includes(':') ? formatAddress(gateway).replace(/:\d+$/, '') : host}`
  const instanceId = instance.device.id
  return {
    id,
    instanceId,
    compartmentId: instance.details.compartmentId,
    lifecycleState: state,
    fingerprint: sshFingerprint(keyBlob),
    serviceHostKeyFingerprint: hostKeyFingerprint,
    connectionString: `ssh -o ProxyCommand='ssh -W %h:%p ${hop}' ${instanceId}`,
    vncConnectionString: `ssh -o ProxyCommand='ssh -W %h:%p ${hop}' -N -L localhost:5900:${instanceId}:5900 ${instanceId}`,
    freeformTags,
    definedTags,
  }
}
