// Checks that `run` and `console` share, made before anything is billed: how to reach the console, and that it is reachable.
import type { AccessFinder, AccessSources } from '../../ssh/access.ts'
import { type Capture, openLog, openRecording } from '../../console/capture.ts'
import { type HostAccess, probeHost } from '../../ssh/connection.ts'
import { defaultFailures, type WatchRules } from '../../console/watch.ts'
import { ConsoleError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { Cloud, ConsoleHosts, MachineRecord } from '../../machine/cloud.ts'
import type { ConsoleOptions } from '../../options/command-flags.ts'
import { prepareAccess } from '../shared/ssh.ts'
import { requireKnownKey } from './known-keys.ts'
import { findIdentities } from './open-place.ts'
import { checkReplies } from './replies.ts'

const probeTimeoutMs = 15_000

/** How to reach a console. */
export interface ConsoleReach extends AccessFinder {
  /** Public keys that the console will accept, if known. */
  wanted: AccessSources['wanted']
}

/** Everything a console needs, prepared before a machine is rented. */
export interface ConsoleAccess extends ConsoleReach {
  rules: WatchRules
  captures: readonly Capture[]
}

/** The patterns to watch for. @throws UsageError unless --on and --send come in pairs */
function chooseRules(options: ConsoleOptions, { stdin }: Context): WatchRules {
  const { waitFor, failOn, on, send, noDefaultFailures } = options
  checkReplies(options)
  // A person watching a panic may want to type.
  const watched = waitFor.length > 0 || failOn.length > 0 || stdin.isTTY !== true
  return {
    waitFor,
    failOn: watched && !noDefaultFailures ? [...failOn, ...defaultFailures] : failOn,
    replies: on.map((pattern, index) => ({ on: pattern, send: send[index] ?? '' })),
  }
}

/** Finds out how to reach a console. Questions to the user wait for `earlier`, and are not asked if it fails. */
export function reachConsole(
  options: ConsoleOptions,
  context: Context,
  wanted?: AccessSources['wanted'],
  earlier?: Promise<unknown>,
): ConsoleReach {
  return { ...prepareAccess(options, context, wanted, earlier), wanted }
}

/** Prepares everything that needs no machine. @throws UsageError, signal.reason */
export async function prepareConsole(
  options: ConsoleOptions,
  context: Context,
  reach: ConsoleReach = reachConsole(options, context),
): Promise<ConsoleAccess> {
  const { log, record } = options
  const screen = { columns: context.stdout.columns || 80, rows: context.stdout.rows || 24 }
  return {
    ...reach,
    rules: chooseRules(options, context),
    captures: [
      ...(log === undefined ? [] : [await openLog(log, context.signal)]),
      ...(record === undefined ? [] : [await openRecording(record, screen, context.signal)]),
    ],
  }
}

/** Probes hosts one by one, since each may ask the user; one good host is enough. */
async function probeAny(hosts: readonly HostAccess[], { signal }: Pick<Context, 'signal'>): Promise<void> {
  const errors: unknown[] = []
  let reached = 0
  for (const host of hosts) {
    try {
      await probeHost(host, { signal, timeoutMs: probeTimeoutMs })
      reached++
    } catch (error) {
      signal.throwIfAborted()
      errors.push(error)
    }
  }
  if (reached === 0) throw errors[0]
}

/** The machine if it exists already, and where it is, or will be. */
interface Target {
  machine?: MachineRecord | undefined
  place: string
}

function findHosts(cloud: Cloud, { machine, place }: Target): ConsoleHosts | undefined {
  if (machine === undefined) return cloud.consoleHosts(place)
  const login = cloud.consoleLogin(machine)
  if (login === undefined) return undefined
  return { addresses: [login.address], isCertain: true, kind: '', area: '' }
}

/**
 * Checks, before anything is billed, that the console is reachable, has a trusted host key, and will accept one of our keys.
 * Hosts that are not known yet are not checked.
 */
export async function checkConsole(
  cloud: Cloud,
  target: Target,
  access: ConsoleReach,
  context: Pick<Context, 'report' | 'signal'>,
): Promise<void> {
  const consoleHosts = findHosts(cloud, target)
  const { addresses, isCertain, kind, area } = consoleHosts ?? { addresses: [], isCertain: false, kind: '', area: '' }
  const hosts: HostAccess[] = []
  for (const address of addresses) hosts.push(await access.find(address, '', context.signal))
  const [first] = hosts
  const wanted = await access.wanted
  if (first !== undefined && wanted !== undefined) requireKnownKey(wanted, first.identities, cloud.scope)
  if (consoleHosts === undefined) {
    if (wanted === undefined) return
    requireKnownKey(wanted, await findIdentities(access, context.signal), cloud.scope)
    return
  }
  if (isCertain) return await probeAny(hosts, context)
  if (first === undefined) {
    return context.report.warn(
      `the ${kind}s of ${area} ${target.place} are unknown; the console's host key will be checked once the machine exists`,
    )
  }
  const known = hosts.filter(({ trust, place }) => trust.knows(place))
  if (known.length > 0) {
    const probes = known.map((host) => probeAny([host], context))
    await Promise.any(probes).catch(async () => await probes[0])
    return
  }
  if (hosts.some(({ trust, place }) => trust.open || trust.hasAuthority(place))) return await probeAny(hosts, context)
  const names = addresses.map(({ host }) => host)
  throw new ConsoleError(`no ${kind} of ${area} "${target.place}" is in known_hosts (looked for ${names.join(', ')})`, {
    hint: `add their keys with ssh-keyscan ${names.join(' ')} >> ~/.ssh/known_hosts and compare the fingerprints, name one with --host-key, or name the host with --sos`,
  })
}
