// The state of a server, in the words of Latitude.sh.
import type { Device } from '../../cloud/device.ts'

/** A reinstall begins with the old installation's percentage, then erases the disks, then deploys. */
function reinstallState({ percentage }: Pick<Device, 'percentage'>): string {
  if (percentage === 100) return 'reinstalling'
  return percentage <= 20 ? 'disk_erasing' : 'deploying'
}

/** The state of a device on the wire. A server is off until its deployment begins. */
export function statusOf(device: Pick<Device, 'state' | 'percentage' | 'inRescue'>): string {
  switch (device.state) {
    case 'queued':
    case 'inactive':
    case 'powering_on':
      return 'off'
    case 'provisioning':
      return 'deploying'
    case 'reinstalling':
      return reinstallState(device)
    case 'active':
      return device.inRescue ? 'rescue_mode' : 'on'
    case 'powering_off':
      return 'on'
    case 'failed':
      return 'failed_deployment'
    case 'deprovisioning':
    case 'deleted':
      return 'deleting'
    default:
      return 'unknown'
  }
}
