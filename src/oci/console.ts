// The serial console of an instance: a console connection is made, waited for, used through two hops, and deleted.
import { generateKeyPair, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '../clock.ts'
import { ApiError, ConsoleError, messageOf, UncertainError } from '../errors.ts'
import type { ConsolePlace, ConsoleRequest } from '../machine/cloud.ts'
import { hasFingerprint } from '../ssh/host-key.ts'
import { parseIdentity } from '../ssh/key-file.ts'
import { isMissing } from './calls.ts'
import { isConsoleOpen } from './client.ts'
import { ConsoleRemoval, type ConsoleTools, isOurs, lookMs, sweepConsoles } from './console-removal.ts'
import type { OciRecord } from './record.ts'
import { type ConsoleConnection, runTag } from './schema.ts'

const gatewayPort = 443
/** How long a refused connection is asked for again: a new machine may not have a console yet. */
const refusedMs = 5000
/** The gateway's host name in a connection string: `… -p 443 <connection>@<gateway>' <instance>`. */
export function gatewayOf({ id, connectionString }: ConsoleConnection): { host: string; port: number } | undefined {
  const [, port, name, host] =
    /-p (\d+) (ocid1\.instanceconsoleconnection[\w.-]*)@([\w.-]+)/.exec(connectionString ?? '') ?? []
  return name === id && host !== undefined ? { host, port: Number(port ?? gatewayPort) } : undefined
}

/** A key for one run, which is never written to disk. */
async function makeKey(): Promise<{ publicKey: string; privateKey: string }> {
  const pair = await promisify(generateKeyPair)('rsa', {
    modulusLength: 3072,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  })
  return { publicKey: parseIdentity(pair.privateKey, 'the key of this run').publicKey, privateKey: pair.privateKey }
}

/** Whether a connection accepts a public key, `ssh-rsa base64`. */
function accepts({ fingerprint }: ConsoleConnection, publicKey: string): boolean {
  const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64')
  return Boolean(fingerprint) && hasFingerprint(blob, fingerprint ?? '')
}

/** Opens consoles, and deletes the connections that it made. */
export class ConsoleOpener {
  readonly #parts: ConsoleTools
  readonly #removal: ConsoleRemoval

  constructor(parts: ConsoleTools) {
    this.#parts = parts
    this.#removal = new ConsoleRemoval(parts)
  }

  /** @throws ConsoleError or ApiError; signal.reason */
  async open(machine: OciRecord, { publicKeys, onWait, signal }: ConsoleRequest): Promise<ConsolePlace> {
    const own = publicKeys.find((key) => key.startsWith('ssh-rsa '))
    const existing = await this.#clear(machine, own, signal)
    const key = own === undefined ? await makeKey() : { publicKey: own }
    const tag = machine.mark ?? randomUUID()
    const connection = existing ?? (await this.#connect(machine, key.publicKey, tag, { onWait, signal }))
    const isKept = existing !== undefined && !isOurs(existing)
    const leave = async () => {
      if (!isKept) await this.#removal.remove(connection.id)
    }
    try {
      const active = await this.#waitFor(connection, onWait, signal)
      const gateway = gatewayOf(active)
      if (gateway === undefined) {
        throw new ConsoleError(`the console connection ${active.id} has no connection string that metalkit understands`)
      }
      const { serviceHostKeyFingerprint: vouched } = active
      const fingerprints = vouched ? { fingerprints: [vouched] } : {}
      return {
        address: { host: machine.id, port: 22 },
        username: machine.id,
        isSha1Only: true,
        ...fingerprints,
        via: { address: gateway, username: active.id, ...fingerprints },
        ...key,
        [Symbol.asyncDispose]: leave,
      }
    } catch (error) {
      await leave()
      throw error
    }
  }

  /**
   * Removes what is in the way of a connection to a machine: an instance has one, a tenancy ten.
   * @returns one that accepts the key already
   */
  async #clear(
    machine: OciRecord,
    own: string | undefined,
    signal: AbortSignal,
  ): Promise<ConsoleConnection | undefined> {
    const { client, report, clock } = this.#parts
    const connections = (await client.listConsoles(machine.projectId, signal)).filter(isConsoleOpen)
    await this.#sweepDead(machine.projectId, connections, signal)
    for (const connection of connections) {
      if (connection.instanceId !== machine.id) continue
      if (own !== undefined && connection.lifecycleState === 'ACTIVE' && accepts(connection, own)) return connection
      if (!isOurs(connection)) {
        throw new ConsoleError(`the machine ${machine.id} has a console connection for another key: ${connection.id}`, {
          hint: `name that RSA key with --identity, or delete it: oci compute instance-console-connection delete --instance-console-connection-id ${connection.id}`,
        })
      }
      report.info(`Replacing the console connection ${connection.id}, made by another run.`)
      await client.disconnectConsole(connection.id, signal)
      await this.#untilGone(connection.id, clock, signal)
    }
    return undefined
  }

  /** Deletes the connections that killed runs have left to machines that no longer exist. */
  async #sweepDead(
    compartmentId: string,
    connections: readonly ConsoleConnection[],
    signal: AbortSignal,
  ): Promise<void> {
    const { client, report } = this.#parts
    if (!connections.some(isOurs)) return
    try {
      const instances = await client.listInstances(compartmentId, signal)
      const live = new Set(
        instances.filter(({ lifecycleState }) => lifecycleState !== 'TERMINATED').map(({ id }) => id),
      )
      await sweepConsoles(this.#parts, compartmentId, ({ instanceId }) => !live.has(instanceId ?? ''), signal)
    } catch (error) {
      signal.throwIfAborted()
      // They block nothing yet.
      report.detail(`cannot delete console connections of deleted machines: ${messageOf(error)}`)
    }
  }

  async #untilGone(id: string, clock: Clock, signal: AbortSignal): Promise<void> {
    for (;;) {
      const connection = await this.#parts.client.getConsole(id, signal).catch((error: unknown) => {
        if (isMissing(error)) return undefined
        throw error
      })
      if (connection === undefined || connection.lifecycleState === 'DELETED') return
      await clock.sleep(lookMs, signal)
    }
  }

  async #connect(
    machine: OciRecord,
    publicKey: string,
    tag: string,
    { onWait, signal }: Pick<ConsoleRequest, 'onWait' | 'signal'>,
  ): Promise<ConsoleConnection> {
    const { client, clock } = this.#parts
    const input = { instanceId: machine.id, publicKey: `${publicKey} metalkit`, freeformTags: { [runTag]: tag } }
    for (const token = randomUUID(); ;) {
      signal.throwIfAborted()
      try {
        return await client.connectConsole(input, token, signal)
      } catch (error) {
        // It may exist, and nothing else would delete it.
        if (error instanceof UncertainError || signal.aborted) await this.#removal.removeAll(machine)
        signal.throwIfAborted()
        if (!(error instanceof ApiError)) throw error
        const isEarly = error.refusalCode === 'IncorrectState' || isMissing(error)
        const { lifecycleState } = await client.getInstance(machine.id, signal)
        if (!isEarly || lifecycleState.startsWith('TERMINAT')) throw error
        onWait(`the machine is ${lifecycleState} and has no console yet`)
      }
      await clock.sleep(refusedMs, signal)
    }
  }

  /** Waits until a connection can be used. */
  async #waitFor(
    connection: ConsoleConnection,
    onWait: (why: string) => void,
    signal: AbortSignal,
  ): Promise<ConsoleConnection> {
    const { client, clock } = this.#parts
    for (let look = connection; ; look = await client.getConsole(connection.id, signal)) {
      const { id, lifecycleState } = look
      if (lifecycleState === 'ACTIVE') return look
      if (lifecycleState !== 'CREATING' && lifecycleState) {
        throw new ConsoleError(`the console connection ${id} is ${lifecycleState}`, {
          hint: 'try again: metalkit console',
        })
      }
      onWait('the console connection is being created')
      await clock.sleep(lookMs, signal)
    }
  }
}
