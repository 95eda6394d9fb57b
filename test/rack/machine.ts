// A machine as the rack's file describes it, and what its power needs, for tests.
import { stringify } from 'yaml'
import type { Clock } from '../../src/clock.ts'
import { parseRackFile, type RackMachine } from '../../src/rack/file/rack-file.ts'
import { createPower, type PowerTools } from '../../src/rack/power/create-power.ts'
import type { Power } from '../../src/rack/power/power.ts'
import { createFastClock } from '../helpers/clock.ts'

/** The machine r1, with a power, console or other keys. */
export function machineOf(keys: Record<string, unknown>): RackMachine {
  const machine = { name: 'r1', plan: 'small', macs: ['52:54:00:aa:00:01'], firmware: 'uefi', ...keys }
  const text = stringify({ network: { address: '127.0.0.1' }, plans: { small: {} }, machines: [machine] })
  const [parsed] = parseRackFile('rack.yaml', text).machines
  if (parsed === undefined) throw new Error('no machine')
  return parsed
}

/** Sources of secrets with one variable. */
export function secretsOf(password: string) {
  return { folder: '/', env: { PATH: process.env['PATH'], BMC_PASSWORD: password } }
}

/** Nobody is there. */
const nobody = {
  tell() {},
  seenOn: () => new Promise<void>(() => {}),
  confirmedOff: () => new Promise<void>(() => {}),
}

/** A clock for waits that passes 20 times faster; the time limits of requests and programs stay. */
export const fastWaits: Clock = { ...createFastClock(20), toRealMs: (ms) => ms }

/** A power, with what it reported in `lines`. */
export function powerOf(
  keys: Record<string, unknown>,
  password: string,
  tools: Partial<PowerTools> = {},
): { power: Power; lines: string[] } {
  const lines: string[] = []
  const report = { debug: (line: string) => void lines.push(line) }
  const all = { secrets: secretsOf(password), clock: fastWaits, report, hands: nobody, address: '127.0.0.1', ...tools }
  return { power: createPower(machineOf(keys), all), lines }
}

/** What a promise rejects with, whole: message, hint, and the causes inside. */
export async function failureOf(promise: Promise<unknown>): Promise<{ error: unknown; text: string }> {
  try {
    await promise
  } catch (error) {
    const texts: string[] = []
    for (let at: unknown = error; at instanceof Error; at = at.cause) {
      texts.push(at.message, String(at.stack), JSON.stringify(at))
    }
    return { error, text: texts.join('\n') }
  }
  throw new Error('it succeeded')
}
