// Values of the rack file with a format: addresses, MACs, fingerprints, URLs and secrets.
import { isIPv4 } from 'node:net'
import { z } from 'zod'
import type { Address } from '../../address.ts'
import { findSlip } from '../../text/nearest.ts'
import { plainText } from '../../text/plain-text.ts'

/** An object whose unknown keys are mistakes, with the key that each probably misspells. */
export function section<S extends z.ZodRawShape>(expected: string, shape: S): z.ZodObject<S, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return expected
      const names = issue.keys.map((key) => {
        const near = findSlip(key, Object.keys(shape))
        const shown = `"${plainText(key)}"`
        return near === undefined ? shown : `${shown} (did you mean "${near}"?)`
      })
      return `has the unknown key ${names.join(', ')}; the valid keys are ${Object.keys(shape).join(', ')}`
    },
  })
}

/** A value that `read` turns into another. `read` returns undefined for a value that is not as expected, or a clause that says why. */
export function field<T>(
  expected: string,
  read: (value: unknown) => { value: T } | { clause: string } | undefined,
): z.ZodType<T> {
  return z.unknown().transform((input, context): T => {
    const result = read(input)
    if (result !== undefined && 'value' in result) return result.value
    if (result === undefined)
      context.issues.push({ code: 'invalid_type', expected: 'custom', message: expected, input })
    else context.issues.push({ code: 'custom', message: result.clause, input })
    return z.NEVER
  })
}

/** A string of at least one character, without control characters, that matches a pattern. */
export function word(expected: string, pattern = /./u): z.ZodString {
  const error = { error: expected }
  return z
    .string(error)
    .regex(pattern, error)
    .regex(/^\P{Cc}*$/u, error)
}

/** One of several strings. */
export function choice<const T extends readonly [string, ...string[]]>(
  ...names: T
): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(names, { error: names.join(' or ') })
}

/** The form of a plan's slug. */
export const slug = /^[a-z0-9][a-z0-9._-]{0,62}$/

/** An IPv4 address. */
export const ipv4: z.ZodType<string> = field('an IPv4 address such as 192.168.1.10', (value) =>
  typeof value === 'string' && isIPv4(value) ? { value } : undefined,
)

/** The IPv4 address of one computer: neither 0.0.0.0, multicast nor broadcast, which machines could not fetch from. */
export const hostIpv4: z.ZodType<string> = field('an IPv4 address such as 192.168.1.10', (value) => {
  if (typeof value !== 'string' || !isIPv4(value)) return undefined
  const first = Number(value.split('.')[0])
  return first > 0 && first < 224 ? { value } : { clause: `is "${value}", which is not the address of one computer` }
})

/** The address of a computer with the length of its network's prefix. */
export const subnetAddress: z.ZodType<{ ip: string; mask: string }> = field(
  'an IPv4 address with the length of its prefix, such as 192.168.1.21/24',
  (value) => {
    const [, ip = '', length = ''] = typeof value === 'string' ? (/^([\d.]+)\/(\d+)$/.exec(value) ?? []) : []
    const bits = Number(length)
    if (!isIPv4(ip) || bits < 1 || bits > 32) return undefined
    const mask = [0, 8, 16, 24].map((shift) => 256 - 2 ** (8 - Math.min(8, Math.max(0, bits - shift))))
    return { value: { ip, mask: mask.join('.') } }
  },
)

/** A MAC address, in lower case with colons. */
export const mac: z.ZodType<string> = field('a MAC address such as 52:54:00:12:34:56', (value) => {
  const digits = typeof value === 'string' ? value.toLowerCase().replaceAll(/[:.-]/g, '') : ''
  // YAML 1.1 reads a MAC that has only digits as a number in base 60. A multicast address belongs to no single machine.
  if (!/^[0-9a-f]{12}$/.test(digits)) return undefined
  if ((Number.parseInt(digits.slice(0, 2), 16) & 1) === 1) {
    return { clause: 'is a multicast address, which no network card has' }
  }
  return /^0+$/.test(digits)
    ? { clause: 'has only zeros, as no network card has' }
    : { value: digits.replaceAll(/..(?=.)/g, '$&:') }
})

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}

/** `host` or `host:port`. */
export function hostPort(defaultPort: number, example: string): z.ZodType<Address> {
  return field(`a host such as ${example}`, (value) => {
    if (typeof value !== 'string' || !/^[^\s/@?#]+$/.test(value)) return undefined
    const url = parseUrl(`tcp://${value}`)
    if (url === undefined || url.hostname === '' || url.port === '0') return undefined
    const host = url.hostname.replaceAll(/^\[|\]$/g, '')
    return { value: { host, port: url.port === '' ? defaultPort : Number(url.port) } }
  })
}

/** The SHA-256 fingerprint of a certificate as Node writes it: `AB:CD:…`. */
export const fingerprint: z.ZodType<string> = field('the SHA-256 of a certificate: 64 hexadecimal digits', (value) => {
  const digits = typeof value === 'string' ? value.replace(/^sha-?256[:=]/i, '').replaceAll(':', '') : ''
  return /^[0-9a-f]{64}$/i.test(digits) ? { value: digits.toUpperCase().replaceAll(/..(?=.)/g, '$&:') } : undefined
})

/** The UUID of a machine, in lower case. */
export const uuid: z.ZodType<string> = field('a UUID, as dmidecode -s system-uuid prints it', (value) =>
  typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)
    ? { value: value.toLowerCase() }
    : undefined,
)

/** The URL of a BMC: HTTPS, without credentials or path. */
export const bmcUrl: z.ZodType<string> = field('a URL such as https://10.0.0.5', (value) => {
  const url = typeof value === 'string' ? parseUrl(value) : undefined
  if (url === undefined || url.hostname === '') return undefined
  if (url.username !== '' || url.password !== '') {
    return { clause: 'must not contain a user or a password; write user and password: {file: PATH} beside it' }
  }
  if (url.protocol !== 'https:') {
    return { clause: 'must be an https URL: over anything else the password would be sent in the clear' }
  }
  return url.pathname.replace(/^\/redfish(\/v1)?/, '').replaceAll('/', '') + url.search + url.hash === ''
    ? { value: url.origin }
    : undefined
})

/** Where a secret is: in a file, relative to the rack's file, or in an environment variable. */
export type Secret = { file: string } | { env: string }

const secretText = '{file: PATH} or {env: NAME}'

/** A secret, never written in the file itself. Its value is never quoted. */
export const secret: z.ZodType<Secret> = field<Secret>(secretText, (value) => {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object' || Array.isArray(value)) {
    return { clause: `must not be written in this file; write ${secretText} instead` }
  }
  const [entry, ...others] = Object.entries(value)
  const [key, text]: [string?, unknown?] = entry ?? []
  if (others.length > 0 || typeof text !== 'string' || text === '') return { clause: `must be ${secretText}` }
  if (key === 'file') return { value: { file: text } }
  return key === 'env' ? { value: { env: text } } : { clause: `must be ${secretText}` }
})

/** Checks a value with another schema, and reports that schema's mistakes. */
export function delegate<T>(schema: z.ZodType<T>, input: unknown, context: z.RefinementCtx): T {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  for (const { code, path, message } of result.error.issues) {
    const isClause = code === 'custom' || code === 'unrecognized_keys'
    context.issues.push(
      isClause
        ? { code: 'custom', path, message, input }
        : { code: 'invalid_type', expected: 'custom', path, message, input },
    )
  }
  return z.NEVER
}

/** A section whose kind is named by one of its keys: `{ipmi: …}`, `{redfish: …}`; or by a single word. */
export function kinds<T>(expected: string, rows: Readonly<Record<string, z.ZodType<T>>>): z.ZodType<T> {
  return z.unknown().transform((input, context): T => {
    const keys = typeof input === 'object' && input !== null ? Object.keys(input) : [input]
    const matches = Object.keys(rows).filter((name) => keys.includes(name))
    const [kind] = matches
    const schema = kind === undefined ? undefined : rows[kind]
    if (schema === undefined || matches.length > 1) {
      context.issues.push({ code: 'invalid_type', expected: 'custom', message: expected, input })
      return z.NEVER
    }
    return delegate(schema, input, context)
  })
}
