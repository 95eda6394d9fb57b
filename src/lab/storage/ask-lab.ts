// A request to a running lab, from another process.
import { type IncomingMessage, request as requestPlainly } from 'node:http'
import { request as requestOverTls, type RequestOptions } from 'node:https'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'

import { within } from '../../deadline.ts'
import { LabError } from '../../errors.ts'
import type { RunningLab } from './running-labs.ts'

const patienceMs = 10_000

function reasonOf(json: unknown): string {
  if (typeof json !== 'object' || json === null) return ''
  if ('error' in json) return String(json.error)
  return 'errors' in json && Array.isArray(json.errors) ? json.errors.join('; ') : ''
}

async function readTrusted({ environment }: RunningLab): Promise<string | undefined> {
  const path = environment['SSL_CERT_FILE']
  return path === undefined ? undefined : await readFile(path, 'utf8').catch(() => undefined)
}

async function send(url: URL, options: RequestOptions, body: string): Promise<{ status: number; text: string }> {
  const request = url.protocol === 'https:' ? requestOverTls : requestPlainly
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, options, resolve).on('error', reject).end(body)
  })
  return { status: response.statusCode ?? 0, text: await text(response) }
}

/** A request. */
export interface LabQuestion {
  method: string
  /** From the root of the lab's server. */
  path: string
  body?: unknown
  /** Ends the wait for the answer. */
  signal: AbortSignal
}

/**
 * Sends a request to a lab.
 * @returns the JSON of its answer
 * @throws LabError if the lab refuses, with its reason, or does not answer; the signal's reason
 */
export async function askLab(lab: RunningLab, { method, path, body, signal }: LabQuestion): Promise<unknown> {
  const { origin, apiUrl, token } = lab
  const options: RequestOptions = {
    method,
    headers: { 'x-auth-token': token, 'content-type': 'application/json' },
    signal: within(patienceMs, signal),
    // This process may have been started without the lab's variables.
    ca: await readTrusted(lab),
  }
  let answer: { status: number; text: string }
  try {
    answer = await send(new URL(path, origin), options, body === undefined ? '' : JSON.stringify(body))
  } catch (cause) {
    signal.throwIfAborted()
    throw new LabError(`"${apiUrl}" does not answer`, { cause })
  }
  const json: unknown = answer.text === '' ? {} : JSON.parse(answer.text)
  if (answer.status >= 300) throw new LabError(reasonOf(json) || `"${apiUrl}" answered ${answer.status}`)
  return json
}
