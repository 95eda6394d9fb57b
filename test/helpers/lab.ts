// A lab with simulated machines for tests, on free ports and with a key folder of its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { type Lab, type LabParts, startLab } from '../../src/lab/lab.ts'
import type { MachineDriver } from '../../src/lab/machines/driver.ts'
import { createSimulatedDriver } from '../../src/lab/machines/simulated/simulated.ts'
import { type Pace, quickPace } from '../../src/lab/cloud/pace.ts'
import { checkAnswer } from '../lab/api/answer-schemas.ts'
import { loadLabKeys } from '../../src/lab/sos/ssh-keys.ts'
import { createRecorder } from './recorder.ts'

/** A lab under test. `lines` holds its messages; `call` sends requests with the token and checks each answer's schema. */
export interface TestLab extends Lab {
  lines: string[]
  stateFolder: string
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<TestAnswer>
}

/** An answer of the API; `json` is `{}` if there is no body. */
export interface TestAnswer {
  status: number
  headers: Headers
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read fields of answers; the schema tests check their shape
  json: any
}

let keyFolder: Promise<string> | undefined

/** A state folder with keys: creating an RSA key takes longer than most tests. */
async function makeKeys(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'metalkit-lab-keys-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  await loadLabKeys(folder, [])
  return folder
}

async function makeStateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-lab-'))
  keyFolder ??= makeKeys()
  await cp(await keyFolder, folder, { recursive: true, preserveTimestamps: true })
  return folder
}

/** Some of a lab's parts; the default pace is fast. */
export type TestLabOptions = Partial<Omit<LabParts, 'pace'>> & { pace?: Partial<Pace> }

/** Machines that wait for a console session before they print, for tests that check the output. */
export function attendedMachines(): MachineDriver {
  return createSimulatedDriver({ lineDelayMs: 10, selfTestMs: 5000 })
}

/** Starts a lab on loopback whose machines boot without delay. Options replace its parts. */
export async function startTestLab({ pace, ...options }: TestLabOptions = {}): Promise<TestLab> {
  const stateFolder = options.stateFolder ?? (await makeStateFolder())
  const recorder = createRecorder()
  const lab = await startLab({
    listen: { host: '127.0.0.1', port: 0 },
    sosListen: { host: '127.0.0.1', port: 0 },
    driver: createSimulatedDriver({ lineDelayMs: 10, selfTestMs: 0 }),
    pace: { ...quickPace, queuedMs: 30, stepMs: 20, upkeepMs: 20, ...pace },
    report: recorder,
    ...options,
    stateFolder,
  })
  return {
    ...lab,
    lines: recorder.lines,
    stateFolder,
    async call(method, path, body, headers = {}) {
      if (lab.apiUrl.startsWith('https:')) throw new Error('a lab with TLS is asked by a real client')
      const response = await fetch(`${lab.apiUrl}${path}`, {
        method,
        headers: { 'x-auth-token': lab.token, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      const json: unknown = text === '' ? {} : JSON.parse(text)
      checkAnswer(method, path, response.status, text === '' ? undefined : json)
      return { status: response.status, headers: response.headers, json }
    },
    async [Symbol.asyncDispose]() {
      await lab[Symbol.asyncDispose]()
      if (options.stateFolder === undefined) await rm(stateFolder, { recursive: true, force: true })
    },
  }
}

/** The boot URL of a device. @throws if the device does not exist */
export function bootUrlOf(lab: Pick<Lab, 'apiUrl' | 'devices'>, id: string): string {
  const device = lab.devices().find((one) => one.id === id)
  if (device === undefined) throw new Error(`no device ${id}`)
  return `${lab.apiUrl.replace('/metal/v1', '')}/boot/${device.bootKey}`
}

/** Polls until the answer passes, and returns it. @throws after a minute, or patienceMs, with the last answer */
export async function waitUntil<T>(
  ask: () => Promise<T> | T,
  passes: (answer: T) => boolean,
  patienceMs = 60_000,
): Promise<T> {
  const endMs = performance.now() + patienceMs
  for (;;) {
    const answer = await ask()
    if (passes(answer)) return answer
    if (performance.now() > endMs) throw new Error(`waited in vain, last: ${JSON.stringify(answer)?.slice(0, 500)}`)
    await sleep(5)
  }
}

/** Waits for a device to be in a state, and returns it. */
export async function waitForState(lab: TestLab, id: string, state: string): Promise<TestAnswer['json']> {
  const { json } = await waitUntil(
    () => lab.call('GET', `/devices/${id}`),
    ({ json: device }) => device.state === state,
  )
  return json
}
