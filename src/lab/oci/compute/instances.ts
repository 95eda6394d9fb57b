// The instances of a lab: its devices, and for some hours the TERMINATED ones.
import type { Cloud } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import type { Devices } from '../../cloud/life/devices.ts'
import { regionalOcid } from '../account/ocid.ts'
import { type Details, readDetails } from './instance.ts'
import { stateOf } from './state.ts'

/** An instance. */
export interface Instance {
  device: Device
  details: Details
}

/** How long a terminated instance stays listed. */
const shownMs = 4 * 3_600_000

/** How long a launch is remembered, for its retry token. */
const rememberedMs = 24 * 3_600_000

/** A work request: what one call started. */
export interface WorkRequest {
  id: string
  operation: string
  instanceId: string
  compartmentId: string
  acceptedAt: string
}

/** How long ago an instance was given back, in ms; 0 before. */
function goneMs({ device }: Instance): number {
  return stateOf(device) === 'TERMINATED' ? Date.now() - Date.parse(device.updatedAt) : 0
}

/** All instances, and the work requests that changed them. */
export class Instances {
  readonly cloud: Cloud
  readonly devices: Devices
  readonly #known = new Map<string, Instance>()
  readonly #work = new Map<string, WorkRequest>()

  constructor(cloud: Cloud, devices: Devices) {
    this.cloud = cloud
    this.devices = devices
  }

  #remembered(): Instance[] {
    for (const device of this.cloud.devices.values()) {
      const details = this.#known.has(device.id) ? undefined : readDetails(device)
      if (details !== undefined) this.#known.set(device.id, { device, details })
    }
    for (const [id, instance] of this.#known) if (goneMs(instance) > rememberedMs) this.#known.delete(id)
    return [...this.#known.values()]
  }

  /** The instances that the API shows, oldest first. */
  list(): Instance[] {
    return this.#remembered().filter((instance) => goneMs(instance) <= shownMs)
  }

  /** Finds the instance that a launch with this retry token made. */
  findRetried(token: string): Instance | undefined {
    return this.#remembered().find(({ details }) => details.retry?.token === token)
  }

  /** Finds an instance by id. */
  find(id: string): Instance | undefined {
    return this.list().find(({ device }) => device.id === id)
  }

  /** Adds an instance whose device exists already, and starts it. */
  add(instance: Instance): void {
    this.#known.set(instance.device.id, instance)
    this.keep(instance)
    this.devices.create(instance.device)
  }

  /** Stores changed details with the device. */
  keep({ device, details }: Instance): void {
    device.extra = { ...details }
  }

  /** Records what a call started. @returns the id for `opc-work-request-id` */
  record(operation: string, { device, details }: Instance): string {
    const id = regionalOcid('coreservicesworkrequest', `${device.id} ${operation} ${this.#work.size}`)
    const acceptedAt = new Date().toISOString()
    this.#work.set(id, {
      id,
      operation,
      instanceId: device.id,
      compartmentId: details.compartmentId,
      acceptedAt,
    })
    return id
  }

  /** The work requests, oldest first. */
  get work(): readonly WorkRequest[] {
    return [...this.#work.values()]
  }
}
