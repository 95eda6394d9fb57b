// What happened to a device, as the API tells it.
import { replaceControls } from '../../text/plain-text.ts'
import { randomUUID } from 'node:crypto'

/** An event. `state` is the user's word in `user.*` events. */
export interface DeviceEvent {
  id: string
  type: string
  body: string
  state: string
  /** RFC 3339. */
  createdAt: string
}

/** The events that a new device lists before they happen, in their order. Texts as the API's. */
export const provisioningEvents: readonly (readonly [type: string, body: string])[] = [
  ['provisioning.101', 'Provisioning started'],
  ['provisioning.102', 'Network configured'],
  ['provisioning.103', 'Configuration written, restarting device'],
  ['provisioning.104', 'Connected to magic install system'],
  ['provisioning.105', 'Server partitions created'],
  ['provisioning.106', 'Operating system packages installed'],
  ['provisioning.107', 'Server networking interfaces configured'],
  ['provisioning.108', 'Cloud-init packages installed and configured'],
  ['provisioning.109', 'Installation finished, rebooting server'],
  ['provisioning.110', 'Device phoned home and is ready to go'],
]

/** What is told while a device comes up: all but the last event for a system that is installed, three before a boot over iPXE. */
export function installationSteps(installs: boolean): { type: string; percentage: number }[] {
  const steps = provisioningEvents.slice(0, installs ? -1 : 3)
  return steps.map(([type], index) => ({ type, percentage: (installs ? 10 : 20) * (index + 1) }))
}

/** What a new device's events begin with, and what they say when it is active. */
export const queuedEvent = ['instance.queued', 'Queued for provisioning'] as const
export const completeEvent = ['instance.provisioned', 'Provision complete! Your device is ready to go.'] as const

/** What the boot script reports when iPXE has an address; every custom iPXE boot adds one. */
export const connectedEvent = ['provisioning.104.01', 'Device connected to DHCP system'] as const

/** An event that happens now. The text of a provisioning event is known by its type; control characters in one become spaces. */
export function createEvent(type: string, body?: string, state = 'success'): DeviceEvent {
  const known = provisioningEvents.find(([one]) => one === type)?.[1]
  const text = replaceControls(body ?? known ?? type, ' ').trim()
  return { id: randomUUID(), type, body: text, state, createdAt: new Date().toISOString() }
}
