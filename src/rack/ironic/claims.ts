// Reserves a node for a device, so that no other rack and no Nova takes it, by an allocation that has the device's name. Names are
// unique and a node has one allocation at most, so a request whose answer was lost can be repeated.
import { z } from 'zod'
import type { Clock } from '../../clock.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import { quoteIronic } from './client.ts'
import { explainMaintenance, type IronicNode, type NodeRecord } from './node.ts'

/** A node that is locked for the moment is not allocated; a silent BMC locks it for a minute. */
const patienceMs = 120_000
const pollMs = 500

const allocationSchema = z.looseObject({
  uuid: z.string(),
  name: z.string().nullish(),
  state: z.string().nullish(),
  node_uuid: z.string().nullish(),
  last_error: z.string().nullish(),
})

type Allocation = z.infer<typeof allocationSchema>

/** Names in Ironic must not be UUIDs. */
function nameOf(device: string): string {
  return `metalkit-${device}`
}

/** The claims on one node. */
export class Claims {
  readonly #node: IronicNode
  readonly #clock: Clock
  /** The allocation of the device that has the machine. */
  #own: string | undefined

  constructor(node: IronicNode, clock: Clock) {
    this.#node = node
    this.#clock = clock
  }

  async #find(name: string, signal: AbortSignal): Promise<Allocation | undefined> {
    return await this.#node.client.read(`/allocations/${encodeURIComponent(name)}`, allocationSchema, signal)
  }

  /** Fails if another client has the node. @throws BmcError `taken` */
  async check(signal: AbortSignal): Promise<void> {
    const record = await this.#node.read(signal)
    const holder = record.instance_uuid ?? ''
    if (holder !== '' && holder !== this.#own) throw await this.#describeHolder(record, signal)
  }

  /** Fails if no device of this rack has the node, nor can have it now. @throws BmcError with the reason */
  async checkAvailable(record: NodeRecord, signal: AbortSignal): Promise<void> {
    if (this.#own !== undefined && record.instance_uuid === this.#own) return
    const why = await this.#explainRefusal(record, signal)
    if (why !== undefined) throw why
  }

  /** Reserves the node for a device. @throws BmcError `taken` if another client has it */
  async claim(device: string, signal: AbortSignal): Promise<void> {
    const endMs = this.#clock.monotonicMs() + patienceMs
    const name = nameOf(device)
    for (;;) {
      const allocation = await this.#find(name, signal)
      if (allocation?.state === 'active') return await this.#keep(allocation, name, signal)
      if (allocation?.state === 'error') {
        // It stays until it is deleted, and its name with it.
        await this.#delete(name, signal)
        const record = await this.#node.read(signal)
        const why = await this.#explainRefusal(record, signal)
        if (why !== undefined) throw why
        if (this.#clock.monotonicMs() >= endMs) {
          throw new BmcError(
            'taken',
            `${this.#node.name} is not allocated: ${quoteIronic(allocation.last_error ?? '')}`,
          )
        }
      }
      if (allocation === undefined) await this.#create(name, device, signal)
      await this.#clock.sleep(pollMs, signal)
    }
  }

  async #keep(allocation: Allocation, name: string, signal: AbortSignal): Promise<void> {
    const { uuid } = await this.#node.read(signal)
    if (allocation.node_uuid !== uuid) {
      throw new BmcError('taken', `the allocation "${name}" has another node than ${this.#node.name}`, {
        hint: `correct node in the rack file, or delete the allocation once its node "${allocation.node_uuid}" is off`,
      })
    }
    this.#own = allocation.uuid
  }

  /** Asks for an allocation; whether there is one is seen by looking for it. */
  async #create(name: string, device: string, signal: AbortSignal): Promise<void> {
    const { uuid, resource_class: resourceClass } = await this.#node.read(signal)
    if ((resourceClass ?? '') === '') {
      throw new BmcError(
        'unsupported',
        `${this.#node.name} has no resource class, without which Ironic allocates nothing`,
        {
          hint: 'openstack baremetal node set NODE --resource-class CLASS',
        },
      )
    }
    const body = { name, resource_class: resourceClass, candidate_nodes: [uuid], extra: { metalkit: device } }
    const answer = await this.#node.client.request('POST', '/allocations', { body, signal })
    if (answer.status >= 300 && answer.status !== 409 && answer.status !== 503) {
      throw this.#node.client.refuse('reserve a node', answer)
    }
  }

  /** Why Ironic does not allocate the node, or not to this device; undefined if it may do so a little later. */
  async #explainRefusal(record: NodeRecord, signal: AbortSignal): Promise<BmcError | undefined> {
    if ((record.instance_uuid ?? '') !== '') return await this.#describeHolder(record, signal)
    if (record.maintenance) {
      return new BmcError('refused', `${this.#node.name} is not allocated${explainMaintenance(record)}`)
    }
    if (record.provision_state === 'available') return undefined
    const state = quoteIronic(record.provision_state ?? 'unknown')
    return new BmcError('taken', `${this.#node.name} is in the state "${state}", not "available"`, {
      hint: 'Ironic gives only nodes that are available (openstack baremetal node provide NODE)',
    })
  }

  async #describeHolder(record: NodeRecord, signal: AbortSignal): Promise<BmcError> {
    const id = record.allocation_uuid ?? ''
    const allocation = id === '' ? undefined : await this.#find(id, signal)
    const holder = quoteIronic(record.instance_uuid ?? '')
    const who =
      allocation === undefined ? `the instance "${holder}"` : `the allocation "${quoteIronic(allocation.name ?? id)}"`
    return new BmcError('taken', `${this.#node.name} is taken by another: ${who} has it`)
  }

  async #delete(name: string, signal: AbortSignal): Promise<void> {
    const path = `/allocations/${encodeURIComponent(name)}`
    const endMs = this.#clock.monotonicMs() + patienceMs
    for (;;) {
      const answer = await this.#node.client.request('DELETE', path, { signal })
      if (answer.status < 300 || answer.status === 404) return
      const isForNow = answer.status === 409 || answer.status === 503
      if (!isForNow || this.#clock.monotonicMs() >= endMs)
        throw this.#node.client.refuse(`free ${this.#node.name}`, answer)
      await this.#clock.sleep(pollMs, signal)
    }
  }

  /** Ends a device's reservation. Does nothing if it has none. */
  async free(device: string, signal: AbortSignal): Promise<void> {
    const name = nameOf(device)
    const allocation = await this.#find(name, signal)
    if (allocation !== undefined) {
      const record = await this.#node.read(signal)
      // While the node is still this device's: what the allocation wrote there stays, otherwise.
      if (record.instance_uuid === allocation.uuid && Object.keys(record.instance_info).length > 0) {
        const body = [{ op: 'remove', path: '/instance_info' }]
        await this.#node.insist('PATCH', 'clear its instance_info', { body, signal })
      }
      await this.#delete(name, signal)
    }
    this.#own = undefined
  }
}
