// A node of Ironic: its record, requests that wait while it is locked, and how a request that was only accepted ends.
import { z } from 'zod'
import type { Clock } from '../../clock.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import { type IronicAnswer, type IronicClient, quoteIronic } from './client.ts'

/** A node is locked while Ironic queries its BMC, which takes a minute if the BMC is silent. */
const patienceMs = 150_000
const pollMs = 500

const text = z.string().nullish().catch(undefined)

/** The fields that the rack looks at. */
export const nodeFields =
  'uuid,name,power_state,target_power_state,provision_state,reservation,last_error,maintenance,maintenance_reason,fault,' +
  'instance_uuid,allocation_uuid,instance_info,resource_class,console_enabled,console_interface'

/** A node's record. */
export const nodeSchema = z.looseObject({
  uuid: z.string(),
  name: text,
  power_state: text,
  target_power_state: text,
  provision_state: text,
  reservation: text,
  last_error: text,
  maintenance: z.boolean().catch(false),
  maintenance_reason: text,
  fault: text,
  instance_uuid: text,
  allocation_uuid: text,
  instance_info: z.record(z.string(), z.unknown()).catch({}),
  resource_class: text,
  console_enabled: z.boolean().catch(false),
  console_interface: text,
})

/** A node's record. */
export type NodeRecord = z.infer<typeof nodeSchema>

/** One node. */
export class IronicNode {
  /** The node in messages. */
  readonly name: string
  readonly client: IronicClient
  readonly #path: string
  readonly #node: string
  readonly #clock: Clock

  constructor(client: IronicClient, node: string, clock: Clock) {
    this.client = client
    this.#node = node
    this.#path = `/nodes/${encodeURIComponent(node)}`
    this.#clock = clock
    this.name = `the node "${node}" of ${client.name}`
  }

  /** Reads the record. @throws BmcError if there is none */
  async read(signal: AbortSignal): Promise<NodeRecord> {
    return this.#parse(await this.client.request('GET', this.#record, { signal }))
  }

  /** The same; fails at once if no answer comes. */
  async look(signal: AbortSignal): Promise<NodeRecord> {
    return this.#parse(await this.client.ask('GET', this.#record, { signal }))
  }

  get #record(): string {
    return `${this.#path}?fields=${nodeFields}`
  }

  #parse(answer: IronicAnswer): NodeRecord {
    const record = this.client.parse(this.#record, nodeSchema, answer)
    if (record !== undefined) return record
    throw new BmcError('failed', `${this.client.name} has no node "${this.#node}"`, {
      hint: 'openstack baremetal node list shows the names',
    })
  }

  /** The MACs of its ports, in small letters. */
  async readMacs(signal: AbortSignal): Promise<string[]> {
    const path = `/ports?node=${encodeURIComponent(this.#node)}&fields=address`
    const ports = await this.client.read(
      path,
      z.looseObject({ ports: z.array(z.looseObject({ address: z.string() })) }),
      signal,
    )
    return (ports?.ports ?? []).map(({ address }) => address.toLowerCase())
  }

  /**
   * Sends a request about the node, again while the node is locked or no conductor is there to do it.
   * @returns an answer that is no refusal
   * @throws BmcError for a refusal, or when the time is over; or the signal's reason
   */
  async insist(
    method: 'GET' | 'PUT' | 'PATCH',
    what: string,
    { path = '', body, signal }: { path?: string; body?: unknown; signal: AbortSignal },
  ): Promise<IronicAnswer> {
    const endMs = this.#clock.monotonicMs() + patienceMs
    for (;;) {
      const answer = await this.client.request(method, `${this.#path}${path}`, { body, signal })
      if (answer.status < 300) return answer
      const isForNow = answer.status === 409 || answer.status === 503
      if (!isForNow || this.#clock.monotonicMs() >= endMs) throw await this.#describe(what, answer, signal)
      await this.#clock.sleep(pollMs, signal)
    }
  }

  async #describe(what: string, answer: IronicAnswer, signal: AbortSignal): Promise<BmcError> {
    const refusal = this.client.refuse(`${what} for the node "${this.#node}"`, answer)
    const record = answer.status === 404 ? undefined : await this.read(signal)
    return new BmcError(refusal.reason, `${refusal.message}${record === undefined ? '' : explainMaintenance(record)}`)
  }

  /**
   * Waits until the conductor has carried out the request: until then it locks the node, and the node has a target.
   * @throws BmcError when the time is over; or the signal's reason
   */
  async settle(signal: AbortSignal): Promise<NodeRecord> {
    const endMs = this.#clock.monotonicMs() + patienceMs
    let seen: NodeRecord | BmcError | undefined
    for (;;) {
      try {
        seen = await this.look(signal)
        if ((seen.reservation ?? seen.target_power_state ?? '') === '') return seen
      } catch (error) {
        // A conductor that restarts does not answer for a while.
        if (!(error instanceof BmcError) || error.reason !== 'unreachable') throw error
        seen = error
      }
      if (this.#clock.monotonicMs() >= endMs) throw this.#describeWait(seen)
      await this.#clock.sleep(pollMs, signal)
    }
  }

  #describeWait(seen: NodeRecord | BmcError): BmcError {
    const wait = `${patienceMs / 1000} s after the request`
    if (seen instanceof BmcError) return new BmcError(seen.reason, `${seen.message}, ${wait}`, { cause: seen })
    return new BmcError('late', `${this.name} is still at it, ${wait}${explainMaintenance(seen)}`)
  }
}

/** Why Ironic itself has given the node up, as the end of a sentence; '' if it has not. */
export function explainMaintenance({ maintenance, maintenance_reason: reason, fault }: NodeRecord): string {
  if (!maintenance) return ''
  const why = (fault ?? '') === '' ? '' : ` after a ${quoteIronic(fault ?? '')}`
  const words = (reason ?? '') === '' ? '' : `: ${quoteIronic(reason ?? '')}`
  return ` (the node is in maintenance${why}${words})`
}
