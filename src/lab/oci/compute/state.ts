// The state of an instance, in the words of Oracle Cloud.
import type { instanceStates } from '../../../oci/schema.ts'
import type { Device } from '../../cloud/device.ts'

/** The state of an instance. */
export type LifecycleState = (typeof instanceStates)[number]

/**
 * The state of a device as the API names it. A launch that fails ends in TERMINATING and TERMINATED. A device whose machine failed
 * later is STOPPED.
 */
export function stateOf({ state, readyAt }: Pick<Device, 'readyAt'> & { state: string }): LifecycleState {
  switch (state) {
    case 'active':
      return 'RUNNING'
    case 'powering_on':
      return 'STARTING'
    case 'powering_off':
      return 'STOPPING'
    case 'inactive':
      return 'STOPPED'
    case 'failed':
      return readyAt === null ? 'TERMINATING' : 'STOPPED'
    case 'deprovisioning':
      return 'TERMINATING'
    case 'deleted':
      return 'TERMINATED'
    default:
      return 'PROVISIONING'
  }
}
