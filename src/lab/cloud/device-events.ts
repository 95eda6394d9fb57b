// The events of a device, as the API reports them.
import { replaceControls } from '../../text/plain-text.ts'
import { randomUUID } from 'node:crypto'

/** An event. In `user.*` events the user chooses `state`. */
export interface DeviceEvent {
  id: string
  type: string
  body: string
  state: string
  /** RFC 3339. */
  createdAt: string
}

/** The events that a new device lists before they happen, in order, with the API's texts. */
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

/** The events while a device comes up: all but the last for a system that is installed, three before an iPXE boot. */
export function installationSteps(installs: boolean): { type: string; percentage: number }[] {
  const steps = provisioningEvents.slice(0, installs ? -1 : 3)
  return steps.map(([type], index) => ({ type, percentage: (installs ? 10 : 20) * (index + 1) }))
}

/** The first event of a new device, and the event that says it is active. */
export const queuedEvent = ['instance.queued', 'Queued for provisioning'] as const
export const completeEvent = ['instance.provisioned', 'Provision complete! Your device is ready to go.'] as const

/** The event that the boot script reports once iPXE has an address; every custom iPXE boot adds one. */
export const connectedEvent = ['provisioning.104.01', 'Device connected to DHCP system'] as const

/** Creates an event that happens now. A provisioning event gets its text from its type; control characters become spaces. */
export function createEvent(type: string, body?: string, state = 'success'): DeviceEvent {
  const typeText = provisioningEvents.find(([eventType]) => eventType === type)?.[1]
  const text = replaceControls(body ?? typeText ?? type, ' ').trim()
  return { id: randomUUID(), type, body: text, state, createdAt: new Date().toISOString() }
}
