// A request to a running lab, from another process.
import { LabError } from '../../errors.ts'
import type { RunningLab } from './running-labs.ts'

const patienceMs = 10_000

function reasonOf(json: unknown): string {
  if (typeof json !== 'object' || json === null) return ''
  if ('error' in json) return String(json.error)
  return 'errors' in json && Array.isArray(json.errors) ? json.errors.join('; ') : ''
}

/**
 * Sends a request to a lab; the path starts at the root of its server.
 * @returns the JSON of its answer
 * @throws LabError if the lab refuses, with its reason, or does not answer
 */
export async function askLab(lab: RunningLab, method: string, path: string, body?: unknown): Promise<unknown> {
  const { METAL_API_URL: apiUrl = '', METAL_API_TOKEN: token = '' } = lab.environment
  let response: Response
  let text: string
  try {
    response = await fetch(new URL(path, apiUrl), {
      method,
      headers: { 'x-auth-token': token, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(patienceMs),
    })
    text = await response.text()
  } catch (cause) {
    throw new LabError(`the lab at "${apiUrl}" does not answer`, { cause })
  }
  const json: unknown = text === '' ? {} : JSON.parse(text)
  if (!response.ok) throw new LabError(reasonOf(json) || `the lab answered ${response.status}`)
  return json
}
