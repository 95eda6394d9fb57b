// Parsers for the values of flags. A parser turns the text that a user types into a value, or refuses it with a reason.
import { type Address, readAddress, readListenAddress, toPort } from '../../address.ts'
import { ipxeProblem } from '../../ipxe-url.ts'
import { readDuration } from '../../text/duration.ts'

/** Why a text is not valid for its flag: the message completes the sentence `--flag "text" …`. */
export class Refusal extends Error {
  readonly hint: string | undefined

  constructor(why: string, hint?: string) {
    super(why)
    this.hint = hint
  }
}

/** A boolean in Go's spellings (strconv.ParseBool) or in the words that people write into variables, in any case. */
export function parseBoolean(text: string): boolean {
  const word = text.toLowerCase()
  if (['1', 't', 'true', 'yes', 'on'].includes(word)) return true
  if (['0', 'f', 'false', 'no', 'off'].includes(word)) return false
  throw new Refusal('is neither true nor false', 'write true or false')
}

export function parseCount(text: string): number {
  if (!/^\d$/.test(text)) throw new Refusal('is not a verbosity level', 'write 0, 1 or 2')
  return Number(text)
}

export function parseText(text: string): string {
  return text
}

/** A token from a file or a CI variable, which often has a trailing newline. */
export function parseToken(text: string): string {
  const token = text.trim()
  if (!/^[\x21-\x7e]*$/.test(token)) throw new Refusal('contains characters that no token has', 'copy it again')
  return token
}

/** A duration as Go writes it (`90s`, `1h30m`, `500ms`), in milliseconds. */
export function parseAge(text: string): number {
  const total = readDuration(text)
  if (total === undefined) throw new Refusal('is not a duration', 'write it as 90s, 10m or 1h30m')
  return total
}

/** A duration that a timer can wait, in milliseconds. */
export function parseDuration(text: string): number {
  const total = parseAge(text)
  if (!(total > 0 && total <= 2 ** 31 - 1)) {
    throw new Refusal('is not between 1ms and 24 days', 'choose a duration in that range')
  }
  return total
}

/** A base URL, kept unchanged: machines append `/<name>-kernel` to it. */
export function parseBaseUrl(text: string): string {
  const hint = 'write it as http://host[:port]/path'
  if (text === '') throw new Refusal('is empty', hint)
  if (/\s/.test(text)) throw new Refusal('contains white space, which would end the line in the iPXE script', hint)
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) throw new Refusal('is not an http or https URL', hint)
  const problem = ipxeProblem(text)
  if (problem !== undefined) throw new Refusal(`cannot be fetched by iPXE: ${problem}`, hint)
  return text
}

export function parseApiUrl(text: string): string {
  if (/\s/.test(text) || !/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new Refusal('is not an http or https URL', 'write it as https://api.equinix.com/metal/v1')
  }
  return text.replace(/\/+$/, '')
}

/** The URL of a store, without a trailing slash. */
export function parseEndpoint(text: string): string {
  const url = /^https?:\/\/[^\s?#@]+$/i.test(text) && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) throw new Refusal('is not an http or https URL', 'write it as https://host[:port]')
  return url.href.replace(/\/+$/, '')
}

/** A name that can be part of a file name. */
export function parseLabName(text: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,31}$/.test(text)) return text
  throw new Refusal('is not a valid name for a lab', 'use up to 32 lower-case letters, digits and hyphens')
}

/** `host[:port]`, `[v6][:port]`; the port defaults to `defaultPort`. */
export function parseHost(defaultPort: number): (text: string) => Address {
  return (text) => {
    const address = readAddress(text, defaultPort)
    if (address === undefined) throw new Refusal('is not a host', 'write it as host, host:port or [address]:port')
    const { port } = address
    if (port < 1 || port > 65535) throw new Refusal('has no valid port', 'choose a port from 1 to 65535')
    return address
  }
}

/** `:port`, `port`, `host:port` or `[v6]:port`, as for Go's servers; host '' is every interface, port 0 any free port. */
export function parseListen(text: string): Address {
  const hint = 'write it as :8080, 8080 or 127.0.0.1:8080'
  const address = readListenAddress(text)
  if (address === undefined) throw new Refusal('is not an address to listen on', hint)
  if (address.port > 65535) throw new Refusal('has no valid port', hint)
  return address
}

export function parsePattern(text: string): RegExp {
  // A class such as [^\n] may name a line end; a match never contains one.
  if (/^(?:[^\\[]|\\[^n]|\[(?:\\.|[^\]])*\])*(?:\\n|\n)/s.test(text)) {
    throw new Refusal('contains a line end, but each line is searched separately', 'repeat the option for each line')
  }
  try {
    return new RegExp(text, 'm')
  } catch (error) {
    throw new Refusal(
      `is not a regular expression (${error instanceof Error ? error.message : String(error)})`,
      'put a backslash before characters that are meant literally',
    )
  }
}

/** Text to type: `\r` is the return key, and the other escapes are those of JavaScript's strings. */
export function parseKeys(text: string): string {
  const named: Record<string, string> = { r: '\r', n: '\n', t: '\t', b: '\b', e: '\u001b', '\\': '\\' }
  return text.replaceAll(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.|$)/gs, (_, code: string) => {
    const character = code.length > 1 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : named[code]
    if (character === undefined)
      throw new Refusal(`contains "\\${code}", which is not an escape sequence`, 'write a backslash as \\\\')
    return character
  })
}

/** A fingerprint as ssh-keygen -l prints it. */
export function parseFingerprint(text: string): string {
  if (!/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(text)) {
    throw new Refusal('is not a fingerprint', 'write it as ssh-keygen -l prints it: SHA256: and 43 characters')
  }
  return text.slice(0, 50)
}

/** An architecture, by the kernel's name or by the name in Go and Debian. */
export function parseArch(text: string): 'x86_64' | 'aarch64' {
  const synonyms: Record<string, string> = { amd64: 'x86_64', arm64: 'aarch64' }
  return oneOf('x86_64', 'aarch64')(synonyms[text] ?? text)
}

export function oneOf<const T extends string>(...choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((name) => name === text)
    if (choice === undefined) throw new Refusal('is not a valid choice', `choose one of ${choices.join(', ')}`)
    return choice
  }
}

/** A host name that the API accepts (no underscore, RFC 1123). */
export function parseHostname(text: string): string {
  if (!/^(?!-)[a-z0-9.-]{1,253}(?<!-)$/i.test(text)) {
    throw new Refusal(
      'is not a host name',
      'use letters, digits, dots and hyphens only; the API does not accept underscores',
    )
  }
  return text
}

/** An id in the API's paths: a UUID, or another cloud's, such as `sv_LqG158rA60BOg` or `ocid1.instance.oc1.iad.abc`. */
export function parseId(text: string): string {
  if (!/^[\w-]+(?:\.+[\w-]+)*$/.test(text))
    throw new Refusal('is not an id', 'it looks like 4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c')
  return text
}

/** A port number. */
export function parsePort(text: string): number {
  const port = toPort(text)
  if (port === undefined) throw new Refusal('is not a port', 'use a number from 1 to 65535')
  return port
}
