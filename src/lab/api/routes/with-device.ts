// Finding what a path names, or the answer where it is not there.
import type { Cloud } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import { forbiddenDevice, notFound } from '../../web/answer.ts'
import type { Answer } from '../../web/answer.ts'

/** Answers for a device: 403 for one that failed and was taken back, 404 where there is none. */
export function withDevice(cloud: Cloud, id: string | undefined, answer: (device: Device) => Answer): Answer {
  if (cloud.vanished.has(id ?? '')) return forbiddenDevice
  const device = cloud.devices.get(id ?? '')
  return device === undefined ? notFound : answer(device)
}
