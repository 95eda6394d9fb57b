// The flags of each command, and the options that its body receives for them.
import type { FlagName, Options } from './flags.ts'

/** The flags of every command that attaches to a console. */
export const consoleFlagNames = [
  'waitFor',
  'failOn',
  'noDefaultFailures',
  'on',
  'send',
  'timeout',
  'log',
  'record',
  'json',
  'apiKey',
  'apiUrl',
  'sos',
  'identity',
  'knownHosts',
  'hostKeyPolicy',
  'hostKey',
] as const satisfies readonly FlagName[]
/** The options of every command that attaches to a console. */
export type ConsoleOptions = Options<(typeof consoleFlagNames)[number]>

export const runFlagNames = [
  'baseUrl',
  'serve',
  'tunnel',
  'metro',
  'zone',
  'machine',
  'arch',
  'hostname',
  'imgName',
  'alwaysPxe',
  'device',
  'yes',
  'keep',
  'console',
  'ttl',
  'idFile',
  'projectId',
  ...consoleFlagNames,
] as const satisfies readonly FlagName[]
/** The options `run` is given. */
export type RunOptions = Options<(typeof runFlagNames)[number]>

export const pushFlagNames = [
  'baseUrl',
  'imgName',
  'arch',
  'decompress',
  'destination',
  'endpoint',
  'dryRun',
  'identity',
  'knownHosts',
] as const satisfies readonly FlagName[]
/** The options `push` is given. */
export type PushOptions = Options<(typeof pushFlagNames)[number]>

export const serveFlagNames = ['directory', 'port', 'tlsCert', 'tlsKey', 'json'] as const satisfies readonly FlagName[]
/** The options `serve` is given. */
export type ServeOptions = Options<(typeof serveFlagNames)[number]>

export const lsFlagNames = [
  'json',
  'apiKey',
  'projectId',
  'apiUrl',
  'sos',
  'identity',
  'knownHosts',
] as const satisfies readonly FlagName[]
/** The options `ls` is given. */
export type LsOptions = Options<(typeof lsFlagNames)[number]>

export const rmFlagNames = ['olderThan', 'yes', 'apiKey', 'projectId', 'apiUrl'] as const satisfies readonly FlagName[]
/** The options `rm` is given. */
export type RmOptions = Options<(typeof rmFlagNames)[number]>

const cloudFlagNames = [
  'detach',
  'labName',
  'labTls',
  'labTlsCert',
  'labTlsKey',
  'labPort',
  'sosPort',
] as const satisfies readonly FlagName[]
/** The options that `lab` and `rack` share. */
export type CloudOptions = Options<(typeof cloudFlagNames)[number]>

export const labFlagNames = [
  ...cloudFlagNames,
  'labCloud',
  'machines',
  'firmware',
  'accelerator',
  'pace',
  'facilities',
  'isolate',
  'fault',
] as const satisfies readonly FlagName[]
/** The options `lab` is given. */
export type LabOptions = Options<(typeof labFlagNames)[number]>

export const rackFlagNames = [
  ...cloudFlagNames,
  'bootPort',
  'bootTimeout',
  'facilities',
  'insecureHttp',
] as const satisfies readonly FlagName[]
/** The options `rack` is given. */
export type RackOptions = Options<(typeof rackFlagNames)[number]>

/** The options `doctor` is given: those of `run`, so that the same command line can be checked. */
export type DoctorOptions = RunOptions
