// Projects, which own devices, keys and addresses.
import { randomUUID } from 'node:crypto'

/** A project. Times are RFC 3339. */
export interface Project {
  readonly id: string
  name: string
  tags: string[]
  customdata: Record<string, unknown>
  backendTransfer: boolean
  readonly createdAt: string
  updatedAt: string
}

/** Creates a project. */
export function createProject(fields: Pick<Project, 'name'> & Partial<Project>): Project {
  const now = new Date().toISOString()
  return {
    id: randomUUID(),
    tags: [],
    customdata: {},
    backendTransfer: false,
    createdAt: now,
    updatedAt: now,
    ...fields,
  }
}
