// The `power` of a machine in the rack's file.
import { z } from 'zod'
import type { Address } from '../../address.ts'
import {
  bmcUrl,
  choice,
  field,
  fingerprint,
  hostPort,
  ipv4,
  kinds,
  type Secret,
  secret,
  section,
  word,
} from './fields.ts'
import { ironicPower, type IronicSettings } from './ironic-settings.ts'

/** How to log in to a BMC over IPMI. */
export interface IpmiSettings {
  kind: 'ipmi'
  address: Address
  user: string
  password: Secret
  /** The cipher suite; tried in order if undefined. */
  cipher: number | undefined
  /** Whether a UEFI machine's boot override carries the EFI flag. */
  efiBootFlag: boolean
}

/** How to log in to a BMC over Redfish. */
export interface RedfishSettings {
  kind: 'redfish'
  /** Its origin. */
  url: string
  user: string
  password: Secret
  /** SHA-256 of its certificate; if undefined, an authority that this computer trusts must have signed it. */
  certificate: string | undefined
  /** The id or path of the system, for a BMC with several. */
  system: string | undefined
  auth: 'basic' | 'session'
}

/** A program with its arguments, or a line for sh. */
export type PowerCommand = string | readonly [string, ...string[]]

/** Programs that switch a machine. */
export interface CommandSettings {
  kind: 'commands'
  on: PowerCommand
  off: PowerCommand
  status: PowerCommand
  softOff: PowerCommand | undefined
  reset: PowerCommand | undefined
  boot: PowerCommand | undefined
  clearBoot: PowerCommand | undefined
  /** Additional environment variables. */
  env: Record<string, Secret>
  timeoutMs: number
}

/** A machine that a magic packet switches on and a person switches off. */
export interface WakeSettings {
  kind: 'wake'
  /** Where the packet is sent. */
  broadcast: string
}

/** A machine that a person switches on and off. */
export interface HandSettings {
  kind: 'by-hand'
}

/** How a machine is switched on and off. */
export type PowerSettings =
  | IpmiSettings
  | RedfishSettings
  | CommandSettings
  | IronicSettings
  | WakeSettings
  | HandSettings

const user = word('the name of a user of the BMC')

/** Suites that ipmitool supports and that encrypt: 3 uses SHA-1, 8 MD5, 17 SHA-256, all with AES. */
const ciphers: readonly unknown[] = [3, 8, 17]

const cipher = field('17, 3 or 8', (value) =>
  typeof value === 'number' && ciphers.includes(value) ? { value } : undefined,
)

/** The keys of an IPMI login, besides its address. */
export const ipmiLogin = { user, password: secret, cipher: cipher.optional() }

/** The address of a BMC's IPMI. */
export const ipmiAddress = hostPort(623, '10.0.0.5')

const ipmi = section('a section with ipmi, user and password', {
  ipmi: ipmiAddress,
  ...ipmiLogin,
  efiBootFlag: z.boolean({ error: 'true or false' }).default(true),
}).transform(({ ipmi: address, cipher: suite, ...rest }): PowerSettings => ({
  kind: 'ipmi',
  address,
  cipher: suite,
  ...rest,
}))

const redfish = section('a section with redfish, user and password', {
  redfish: bmcUrl,
  user,
  password: secret,
  certificate: fingerprint.optional(),
  system: word('the id or path of a system, such as 1 or /redfish/v1/Systems/1', /^[\w./:-]+$/).optional(),
  auth: choice('basic', 'session').default('basic'),
}).transform(({ redfish: url, certificate, system, ...rest }): PowerSettings => ({
  kind: 'redfish',
  url,
  certificate,
  system,
  ...rest,
}))

const command: z.ZodType<PowerCommand> = field<PowerCommand>(
  'a command line, or a list of a program and its arguments',
  (value) => {
    if (typeof value === 'string' && value.trim() !== '') return { value }
    if (!Array.isArray(value)) return undefined
    const words: unknown[] = value
    const texts = words.filter((item): item is string => typeof item === 'string')
    const [program, ...args] = texts
    return program === undefined || program === '' || texts.length < words.length
      ? undefined
      : { value: [program, ...args] }
  },
)

const commands = section('a section with commands', {
  commands: section('a section with on, off and status', {
    on: command,
    off: command,
    status: command,
    softOff: command.optional(),
    reset: command.optional(),
    boot: command.optional(),
    clearBoot: command.optional(),
  }),
  env: z.record(z.string(), secret, { error: `a section of names, each with {file: PATH} or {env: NAME}` }).default({}),
  timeout: z
    .number({ error: 'seconds' })
    .positive({ error: 'seconds' })
    .max(600, { error: 'at most 600 seconds' })
    .default(30),
}).transform(({ commands: { softOff, reset, boot, clearBoot, ...needed }, env, timeout }): PowerSettings => ({
  kind: 'commands',
  ...needed,
  softOff,
  reset,
  boot,
  clearBoot,
  env,
  timeoutMs: timeout * 1000,
}))

const wake = section('a section with wake', {
  wake: z.union([z.literal(true).transform(() => '255.255.255.255'), ipv4], {
    error: 'true, or the broadcast address of the LAN',
  }),
}).transform(({ wake: broadcast }): PowerSettings => ({ kind: 'wake', broadcast }))

const byHand = z.literal('by-hand').transform((): PowerSettings => ({ kind: 'by-hand' }))

/** The schema of `power`. */
export const power: z.ZodType<PowerSettings> = kinds(
  'a section with one of ipmi, redfish, commands, ironic and wake, or the word by-hand',
  { ipmi, redfish, commands, ironic: ironicPower, wake, 'by-hand': byHand },
)
