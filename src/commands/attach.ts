// What `run` and `console` share: getting ready for a console before anything is billed, and holding it while the machine runs.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { probeHost } from '../console/connection.ts'
import { loadIdentities, type Identities } from '../console/identities.ts'
import { type KnownHosts, loadKnownHosts } from '../console/known-hosts.ts'
import { attachConsole } from '../console/session.ts'
import { ConsoleError, MachineError, PatternError } from '../errors.ts'
import type { Context } from '../io.ts'
import type { MetalClient } from '../metal/client.ts'
import { followMachine } from '../metal/follow.ts'
import { facilitiesOfMetro } from '../metal/locations.ts'
import type { Device } from '../metal/schema.ts'
import type { Address, Options } from '../options.ts'
import { createEventStream } from './console-events.ts'
import { Progress } from './progress.ts'

const probeTimeoutMs = 15_000

/** What a console needs, found before a machine is rented. */
export interface ConsoleAccess {
  knownHosts: KnownHosts
  identities: Identities
}

/** The keys to show and the host keys to trust. @throws ConsoleError where there are no keys */
export async function prepareConsole(
  options: Options<'identity' | 'knownHosts'>,
  context: Context,
): Promise<ConsoleAccess> {
  const home = context.env['HOME'] || homedir()
  const files =
    options.knownHosts === undefined
      ? [
          join(home, '.ssh', 'known_hosts'),
          join(home, '.ssh', 'known_hosts2'),
          '/etc/ssh/ssh_known_hosts',
          '/etc/ssh/ssh_known_hosts2',
        ]
      : [options.knownHosts]
  const agentSocket = context.env['SSH_AUTH_SOCK']
  const [knownHosts, identities] = await Promise.all([
    loadKnownHosts(files),
    loadIdentities({
      home,
      report: context.report,
      ...(options.identity[0] === undefined ? {} : { identityFile: options.identity[0] }),
      ...(agentSocket ? { agentSocket } : {}),
    }),
  ])
  return { knownHosts, identities }
}

/** The SOS host of a facility (there is one per facility, never per metro). */
function sosHostOf(facility: string): string {
  return `sos.${facility}.platformequinix.com`
}

/** Where a device's console is: --sos, else what the API says, else by its facility. */
export function sosAddress(device: Device, sos: Address | undefined): Address {
  if (sos !== undefined) return sos
  const facility = device.facility?.code
  const host = device.sos || (facility ? sosHostOf(facility) : undefined)
  if (host === undefined) {
    throw new ConsoleError(`the API names no console for the machine ${device.id}`, {
      hint: 'name its SOS host with --sos',
    })
  }
  return { host, port: 22 }
}

/**
 * Checks, before anything is billed, that the console can be reached and is the one that is known.
 * Where the machine will stand is not known yet, so without --sos all of the metro's SOS hosts are candidates.
 */
export async function checkConsole(
  target: Address | { metro: string },
  { knownHosts }: ConsoleAccess,
  context: Context,
): Promise<void> {
  const { signal, report } = context
  if ('host' in target) {
    await probeHost(target, { knownHosts, signal, timeoutMs: probeTimeoutMs })
    return
  }
  const candidates = facilitiesOfMetro(target.metro).map((facility) => ({ host: sosHostOf(facility), port: 22 }))
  if (candidates.length === 0) {
    report.warn(
      `the SOS hosts of metro ${target.metro} are not known; the console's host key is checked once the machine exists`,
    )
    return
  }
  const known = candidates.filter(({ host, port }) => knownHosts.knows({ host, port }))
  if (known.length === 0) {
    const names = candidates.map(({ host }) => host)
    throw new ConsoleError(
      `no SOS host of metro "${target.metro}" is in known_hosts (looked for ${names.join(', ')})`,
      {
        hint: `add their keys with ssh-keyscan ${names.join(' ')} >> ~/.ssh/known_hosts and compare the fingerprints, or name the host with --sos`,
      },
    )
  }
  const outcomes = await Promise.allSettled(
    known.map((address) => probeHost(address, { knownHosts, signal, timeoutMs: probeTimeoutMs })),
  )
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined && outcomes.every((outcome) => outcome.status === 'rejected')) throw failed.reason
}

/** The line with which a person reaches the console without metalkit. */
export function sshLine(device: Device, { host, port }: Address): string {
  return `ssh ${port === 22 ? '' : `-p ${port} `}${device.id}@${host}`
}

/**
 * Attaches to a machine's console and follows the machine until one of them ends: the user leaves, the pattern shows,
 * the machine goes off. @throws PatternError, MachineError or ConsoleError for every other end
 */
export async function holdConsole(
  client: MetalClient,
  device: Device,
  access: ConsoleAccess,
  options: Options<'sos' | 'waitFor' | 'timeout' | 'json'>,
  context: Context,
): Promise<void> {
  const { report, stdin } = context
  const {
    waitFor: [waitFor],
    timeout: timeoutMs,
  } = options
  const ends = new AbortController()
  const signals = [context.signal, ends.signal]
  const timer = waitFor === undefined ? undefined : AbortSignal.timeout(timeoutMs)
  if (timer !== undefined) signals.push(timer)
  const signal = AbortSignal.any(signals)

  using progress = new Progress(report)
  const address = sosAddress(device, options.sos)
  const session = attachConsole({
    address,
    username: device.id,
    ...access,
    stdin,
    stdout: options.json ? createEventStream(context) : context.stdout,
    report,
    ...(waitFor === undefined ? {} : { waitFor }),
    connectTimeoutMs: timeoutMs,
    onAttached: () => report.event('console-attached', { id: device.id, ...address }),
    onOutput: () => progress.hush(),
    signal,
  })
  const following = followMachine({ client, id: device.id, timeoutMs, onLook: (look) => progress.see(look), signal })
  try {
    const ending = await Promise.race([session, following])
    if (ending === 'matched' && waitFor !== undefined) report.event('matched', { pattern: waitFor.source })
    if (ending === 'powered-off') report.info(`The machine ${device.id} is powered off.`)
    else if (ending === 'closed') report.info('The console was closed by the other side.')
    if (waitFor !== undefined && ending !== 'matched') {
      const why = {
        'powered-off': 'the machine powered off',
        closed: 'the console closed',
        left: 'the console was left',
      }[ending]
      throw new PatternError(`${why} before it showed ${waitFor}`)
    }
  } catch (error) {
    if (timer?.aborted && error === timer.reason) {
      throw new MachineError(`the console did not show ${waitFor} in time`, { hint: 'give it longer with --timeout' })
    }
    throw error
  } finally {
    ends.abort()
    await Promise.allSettled([session, following])
  }
}
