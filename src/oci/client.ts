// Oracle's Core Services and Identity APIs: each call returns its result, or throws an error written for the user.
import type { Call } from '../http/answer.ts'
import { isMissing, OciCalls, withQuery } from './calls.ts'
import {
  availabilityDomainListSchema,
  type CapacityReportInput,
  capacityReportSchema,
  compartmentListSchema,
  type ConsoleConnection,
  type ConsoleConnectionInput,
  consoleConnectionListSchema,
  consoleConnectionSchema,
  type ConsoleHistoryInput,
  consoleHistorySchema,
  headers,
  imageListSchema,
  type Instance,
  instanceListSchema,
  instanceSchema,
  type LaunchInput,
  shapeListSchema,
  subnetListSchema,
  subnetSchema,
  workRequestErrorListSchema,
} from './schema.ts'

/** The longest answer to a launch; repeating it is safe. */
const launchTimeoutMs = 60_000
/** The most of a console history that one call returns. */
const historyBytes = 1_048_576

const pathOf = (kind: string, id: string) => `/${kind}/${encodeURIComponent(id)}`

/** Whether a console connection exists, or will. */
export function isConsoleOpen({ lifecycleState }: ConsoleConnection): boolean {
  return lifecycleState !== 'DELETED' && lifecycleState !== 'DELETING'
}

/** A client of one region with one profile. */
export class OciClient extends OciCalls {
  /** Launches an instance; the mark as retry token keeps a repeated launch from making another. */
  async launch(body: LaunchInput, mark: string, more: Pick<Call, 'lastTry' | 'turnedAway'>) {
    const purpose = { doing: 'creating a machine', body, answerTimeoutMs: launchTimeoutMs, ...more }
    const answer = await this.post('/instances', instanceSchema, mark, purpose)
    return { instance: answer.data, workRequestId: answer.headers[headers.workRequestId] }
  }

  async getInstance(id: string, signal?: AbortSignal): Promise<Instance> {
    return await this.get(pathOf('instances', id), instanceSchema, { doing: `looking up the machine "${id}"`, signal })
  }

  async listInstances(compartmentId: string, signal?: AbortSignal): Promise<Instance[]> {
    const doing = "listing the compartment's machines"
    const instances = await this.list('/instances', { compartmentId }, instanceListSchema, { doing, signal })
    return [...new Map(instances.map((instance) => [instance.id, instance])).values()]
  }

  async act(id: string, action: 'START' | 'STOP' | 'RESET', token: string, signal?: AbortSignal): Promise<void> {
    const path = withQuery(pathOf('instances', id), { action })
    await this.post(path, instanceSchema, token, { doing: `the action ${action} on the machine "${id}"`, signal })
  }

  /** Starts the deletion of an instance and its boot volume. */
  async terminate(id: string, signal?: AbortSignal): Promise<void> {
    const path = withQuery(pathOf('instances', id), { preserveBootVolume: 'false' })
    await this.call({ method: 'DELETE', path, doing: `deleting the machine "${id}"`, signal })
  }

  async listWorkRequestErrors(id: string, signal?: AbortSignal) {
    const purpose = { doing: 'asking why the launch failed', signal }
    return await this.get(`${pathOf('workRequests', id)}/errors`, workRequestErrorListSchema, purpose)
  }

  async reportCapacity(body: CapacityReportInput, token: string, signal?: AbortSignal) {
    const purpose = { doing: 'asking for capacity', body, signal }
    return (await this.post('/computeCapacityReports', capacityReportSchema, token, purpose)).data
  }

  async listCompartments(tenancy: string, signal?: AbortSignal) {
    const query = { compartmentId: tenancy, lifecycleState: 'ACTIVE' }
    const purpose = { doing: 'listing compartments', signal, service: 'identity' } as const
    return await this.list('/compartments', query, compartmentListSchema, purpose)
  }

  async listAvailabilityDomains(tenancy: string, signal?: AbortSignal) {
    const path = withQuery('/availabilityDomains', { compartmentId: tenancy })
    const purpose = { doing: 'listing availability domains', signal, service: 'identity' } as const
    return await this.get(path, availabilityDomainListSchema, purpose)
  }

  async listShapes(compartmentId: string, availabilityDomain: string, signal?: AbortSignal) {
    const purpose = { doing: 'listing shapes', signal }
    return await this.list('/shapes', { compartmentId, availabilityDomain }, shapeListSchema, purpose)
  }

  /** Newest first. */
  async listImages(compartmentId: string, shape: string, signal?: AbortSignal) {
    const query = { compartmentId, shape, lifecycleState: 'AVAILABLE', sortBy: 'TIMECREATED', sortOrder: 'DESC' }
    return await this.list('/images', query, imageListSchema, { doing: 'listing images', signal })
  }

  async listSubnets(compartmentId: string, signal?: AbortSignal) {
    const query = { compartmentId, lifecycleState: 'AVAILABLE' }
    return await this.list('/subnets', query, subnetListSchema, { doing: 'listing subnets', signal })
  }

  async getSubnet(id: string, signal?: AbortSignal) {
    return await this.get(pathOf('subnets', id), subnetSchema, { doing: `looking up the subnet "${id}"`, signal })
  }

  /** Creates a console connection. @param lastTry an interrupt, which does not cut off the request under way */
  async connectConsole(body: ConsoleConnectionInput, token: string, lastTry: AbortSignal): Promise<ConsoleConnection> {
    const purpose = { doing: 'creating a console connection', body, lastTry }
    return (await this.post('/instanceConsoleConnections', consoleConnectionSchema, token, purpose)).data
  }

  async getConsole(id: string, signal?: AbortSignal): Promise<ConsoleConnection> {
    const purpose = { doing: `looking up the console connection "${id}"`, signal }
    return await this.get(pathOf('instanceConsoleConnections', id), consoleConnectionSchema, purpose)
  }

  async listConsoles(compartmentId: string, signal?: AbortSignal): Promise<ConsoleConnection[]> {
    const purpose = { doing: 'listing console connections', signal }
    return await this.list('/instanceConsoleConnections', { compartmentId }, consoleConnectionListSchema, purpose)
  }

  /** Deletes a console connection. @throws ApiError also for a 404 if it is still there: to a missing right the API answers that too */
  async disconnectConsole(id: string, signal?: AbortSignal): Promise<void> {
    const doing = `deleting the console connection "${id}"`
    try {
      await this.call({ method: 'DELETE', path: pathOf('instanceConsoleConnections', id), doing, signal })
    } catch (error) {
      if (!isMissing(error) || (await this.#hasConsole(id, signal))) throw error
    }
  }

  async #hasConsole(id: string, signal?: AbortSignal): Promise<boolean> {
    try {
      return isConsoleOpen(await this.getConsole(id, signal))
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }

  async captureHistory(body: ConsoleHistoryInput, token: string, signal: AbortSignal) {
    const purpose = { doing: 'capturing the console history', body, signal }
    return (await this.post('/instanceConsoleHistories', consoleHistorySchema, token, purpose)).data
  }

  async getHistory(id: string, signal: AbortSignal) {
    const purpose = { doing: 'looking up the console history', signal }
    return await this.get(pathOf('instanceConsoleHistories', id), consoleHistorySchema, purpose)
  }

  /** The text of a captured history. */
  async readHistory(id: string, signal: AbortSignal): Promise<string> {
    const doing = 'reading the console history'
    let text = ''
    for (let offset = 0; ; offset += historyBytes) {
      const query = { offset: String(offset), length: String(historyBytes) }
      const path = withQuery(`${pathOf('instanceConsoleHistories', id)}/data`, query)
      const answer = await this.call({ method: 'GET', path, doing, isText: true, signal })
      text += answer.text
      if (!(Number(answer.headers[headers.bytesRemaining]) > 0)) return text
    }
  }

  async deleteHistory(id: string, signal: AbortSignal): Promise<void> {
    await this.forget(pathOf('instanceConsoleHistories', id), { doing: 'deleting the console history', signal })
  }
}
