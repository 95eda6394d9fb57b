// Routes about one server.
import type { Cloud } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import type { LabAnswer } from '../../web/answer.ts'
import type { RoutedRequest } from '../../web/router.ts'
import { notFound } from '../model/answers.ts'

/** Calls `answer` with the server of the path's id, or answers 404. */
export function withServer(
  cloud: Cloud,
  { parameters: [id = ''] }: RoutedRequest,
  answer: (device: Device) => LabAnswer,
  missing: LabAnswer = notFound,
): LabAnswer {
  const device = cloud.devices.get(id)
  return device === undefined ? missing : answer(device)
}
