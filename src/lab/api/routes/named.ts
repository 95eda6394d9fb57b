// Finds the object that a path names; the answer is a refusal if it does not exist.
import type { Project } from '../../cloud/account/project.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import { forbiddenDevice, type LabAnswer, notFound } from '../../web/answer.ts'

/** Answers for a device: 403 if it failed and was taken back, 404 if it is unknown. */
export function withDevice(cloud: Cloud, id: string | undefined, answer: (device: Device) => LabAnswer): LabAnswer {
  if (cloud.vanished.has(id ?? '')) return forbiddenDevice
  const device = cloud.devices.get(id ?? '')
  return device === undefined ? notFound : answer(device)
}

/** Answers for a project, or 404. */
export function withProject(cloud: Cloud, id: string | undefined, answer: (project: Project) => LabAnswer): LabAnswer {
  const project = cloud.projects.get(id ?? '')
  return project === undefined ? notFound : answer(project)
}

/** Answers for the organization, or 404. */
export function withOrganization(cloud: Cloud, id: string | undefined, answer: () => LabAnswer): LabAnswer {
  return id === cloud.organizationId ? answer() : notFound
}
