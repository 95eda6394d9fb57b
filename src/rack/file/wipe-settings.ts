// The `wipe` of the rack's file: the script that empties a machine before another device gets it.
import { z } from 'zod'
import { ipxeProblem } from '../../ipxe-url.ts'
import { hasControls } from '../../text/plain-text.ts'
import { readDuration } from '../../text/duration.ts'
import { delegate, field, section } from './fields.ts'

/** What empties a machine. */
export interface WipeSettings {
  /** An http or https URL, or the path of a file. */
  script: string
  /** How long it may take from power on to its report. */
  timeoutMs: number
}

const hour = 3_600_000

/** Whether a text has the form of a URL, not of a path. */
export function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
}

const script = field('the URL or the file of an iPXE script', (value) => {
  if (typeof value !== 'string' || value === '' || hasControls(value)) return undefined
  if (!isUrl(value)) return { value }
  if (!/^https?:\/\/\S+$/i.test(value) || !URL.canParse(value)) {
    return { clause: 'must be an http or https URL, or the path of a file' }
  }
  const { username, password } = new URL(value)
  if (username + password !== '') return { clause: 'must not contain a user or a password: machines would show them' }
  const problem = ipxeProblem(value)
  return problem === undefined ? { value } : { clause: `cannot be fetched by iPXE: ${problem}` }
})

const timeout = field('a duration between 1m and 168h, such as 2h', (value) => {
  const ms = typeof value === 'string' ? readDuration(value) : undefined
  return ms !== undefined && ms >= hour / 60 && ms <= 168 * hour ? { value: ms } : undefined
}).default(2 * hour)

/** The schema of `wipe`. */
export const wipe: z.ZodType<WipeSettings> = section('a section with script and timeout', {
  script,
  timeout,
}).transform(({ timeout: timeoutMs, ...rest }): WipeSettings => ({ ...rest, timeoutMs }))

/** The schema of a machine's own `wipe`. */
export const machineWipe: z.ZodType<WipeSettings | false> = z
  .unknown()
  .transform((input, context): WipeSettings | false => {
    if (typeof input === 'object' && input !== null) return delegate<WipeSettings>(wipe, input, context)
    if (input === false) return false
    const message = 'a section with script and timeout, or false'
    context.issues.push({ code: 'invalid_type', expected: 'custom', message, input })
    return z.NEVER
  })
