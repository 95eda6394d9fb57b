// The program on Latitude.sh's face of a lab with simulated machines, whose clock runs faster.
import { readFile } from 'node:fs/promises'
import type { Io } from '../../src/io.ts'
import { bootScript } from '../../src/ipxe/boot-script.ts'
import { latitudeScript } from '../../src/ipxe/cloud-differences.ts'
import { labEnvironment } from '../../src/lab/environment.ts'
import { latitude } from '../../src/lab/latitude/face.ts'
import { createFastClock } from '../helpers/clock.ts'
import { start } from '../helpers/io.ts'
import { attendedMachines, startTestLab, type TestLab } from '../helpers/lab.ts'
import { type Ending, publishImage } from '../faults/world.ts'

/** A server as the API shows it to everyone. */
export interface ListedServer {
  id: string
  attributes: { status: string; hostname: string }
}

/** A lab whose machines print when somebody watches. */
export async function openLatitudeLab(pace: { queuedMs?: number } = {}): Promise<TestLab> {
  return await startTestLab({ face: latitude, driver: attendedMachines(), pace })
}

/** An image with the script of Latitude.sh, at a working base URL. */
export async function publishLatitudeImage() {
  const words = { name: 'demo', arch: 'x86_64', cmdline: 'console=ttyS1', cloud: latitudeScript } as const
  return await publishImage({ 'demo-latitude.ipxe': (baseUrl) => bootScript({ ...words, baseUrl }) })
}

function headersOf(lab: TestLab) {
  return { authorization: `Bearer ${lab.token}`, 'content-type': 'application/vnd.api+json' }
}

/** All servers of the lab. */
export async function serversIn(lab: TestLab): Promise<ListedServer[]> {
  const response = await fetch(`${lab.apiUrl}/servers?page[size]=100`, { headers: headersOf(lab) })
  const { data }: { data: ListedServer[] } = JSON.parse(await response.text())
  return data
}

/** A server of the user. @returns its id */
export async function addServer(lab: TestLab, hostname: string, scriptUrl: string): Promise<string> {
  const attributes = {
    project: lab.projectId,
    plan: 'c3-small-x86',
    site: 'DAL',
    operating_system: 'ipxe',
    hostname,
    ipxe: scriptUrl,
    billing: 'hourly',
  }
  const body = JSON.stringify({ data: { type: 'servers', attributes } })
  const response = await fetch(`${lab.apiUrl}/servers`, { method: 'POST', headers: headersOf(lab), body })
  const { data }: { data: ListedServer } = JSON.parse(await response.text())
  return data.id
}

/** Starts the program in this process, with its waits accelerated, and other input than none. */
export function startFast(lab: TestLab, argv: readonly string[], stdin: Io['stdin']) {
  return start(argv, labEnvironment(lab), createFastClock(100), stdin)
}

/** Runs the program in this process, with its waits accelerated. */
export async function runFast(lab: TestLab, argv: readonly string[], factor = 100): Promise<Ending> {
  const { code, texts } = start(['-vv', ...argv], labEnvironment(lab), createFastClock(factor))
  return { code: await code, ...texts }
}

/** What an ending must never have: secrets, and signs of a defect. */
export async function findFlaws(lab: TestLab, { stdout, stderr }: Ending): Promise<string[]> {
  const said = stdout + stderr
  const key = (await readFile(lab.userKeyPath, 'utf8')).split('\n')[2] ?? 'x'
  return [
    ...([lab.token, key].some((secret) => said.includes(secret)) ? ['a secret is told'] : []),
    ...(/"credentials"|"password"/.test(said) ? ['the console credentials are told'] : []),
    ...(/internal error|^ {4}at |undefined|\[object/m.test(stderr) ? ['a defect shows'] : []),
  ]
}
