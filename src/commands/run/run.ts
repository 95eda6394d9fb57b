import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { ServeError, UsageError } from '../../errors.ts'
import { userName } from '../../files/home-folder.ts'
import { checkOpenFiles } from '../../files/open-files.ts'
import type { Context } from '../../io.ts'
import { doubtsAboutBaseUrl } from '../../ipxe/base-url.ts'
import type { Cloud, MachineRecord } from '../../machine/cloud.ts'
import { findMachine, rentMachine, reuseMachine } from '../../machine/machine.ts'
import type { Server } from '../../serve/server.ts'
import { type CloudRow, cloudOf } from '../clouds/clouds.ts'
import { openCloud, scopeSettings } from '../clouds/open-cloud.ts'
import { confirm } from '../shared/confirm.ts'
import { checkReplies } from '../console/replies.ts'
import { sshLine } from '../console/ssh-line.ts'
import { IdFile } from './id-file.ts'
import { sayOnInterrupt } from '../shared/interrupt-notice.ts'
import type { RunOptions } from '../../options/command-flags.ts'
import { showBoots } from '../shared/server-activity.ts'
import { formatDuration } from '../../text/duration.ts'
import { defaultTimeoutMs, startTimeLimit } from '../shared/time-limit.ts'
import { offerImage } from './offer-image.ts'
import { openTunnel } from './tunnel.ts'

/** A Date header has a resolution of seconds, and answers take time. */
const clockToleranceMs = 60_000

/** A host name made from the user's name. */
function defaultHostname(env: Context['env']): string {
  return `${userName(env).replaceAll(/[^a-zA-Z0-9-]/g, '-')}-linuxkit`
}

function noBaseUrl({ serve }: RunOptions): UsageError {
  const hint =
    serve === undefined
      ? 'set --base-url or METAL_BASE_URL to the URL that machines fetch the image from, or serve it from here with --serve'
      : `set --base-url to the URL at which machines reach this computer, such as http://ADDRESS:${serve.port}, or use --tunnel`
  return new UsageError('no base-url is given', { hint })
}

/** Refuses a machine of another cloud. */
function checkDevice({ name }: CloudRow, id: string): void {
  const other = cloudOf(id).name
  if (other === name) return
  throw new UsageError(`the machine "${id}" is one of ${other}, not of ${name}`, {
    hint: `write metalkit run ${other} --device ${id}`,
  })
}

/** Asks before disks are erased. @throws UsageError without a terminal and --yes, or if the answer is no */
async function confirmErasing(id: string, { yes }: Pick<RunOptions, 'yes'>, context: Context): Promise<void> {
  if (yes) return
  if (!context.stdin.isTTY) {
    throw new UsageError(`--device would erase the disks of the machine ${id}`, { hint: 'add --yes to erase them' })
  }
  if (await confirm(`Erase the disks of the machine ${id} and boot it?`, context)) return
  throw new UsageError(`the machine ${id} stays as it is`)
}

/** `run <cloud>`: checks image, URLs and console, rents the machine, attaches to its console, and gives the machine back. */
export async function runOn(row: CloudRow, name: string, options: RunOptions, context: Context): Promise<void> {
  const { report, signal, forced } = context
  if (!options.keep && !options.console && options.device === undefined) {
    throw new UsageError(
      'keep=false and console=false together make little sense: the machine would be deleted at once',
      {
        hint: 'use --keep, or keep the console on',
      },
    )
  }
  checkReplies(options)
  // Before anything is opened: each socket and file below could be the one too many.
  if (options.serve !== undefined) checkOpenFiles(ServeError)
  const limit = options.console || options.serve ? startTimeLimit(options, context) : undefined
  if (options.device !== undefined) checkDevice(row, options.device)
  const cloud = await openCloud(row, options, context)
  if (options.baseUrl === undefined && options.tunnel === undefined) throw noBaseUrl(options)
  const wish = { plan: options.machine, place: options.metro }
  const chosen = options.device === undefined ? await cloud.prepare(wish, signal) : undefined
  if (chosen?.doubt !== undefined) report.warn(chosen.doubt)
  await using tunnel = await openTunnel(options, context)
  const baseUrl = options.baseUrl ?? tunnel?.url
  if (baseUrl === undefined) throw noBaseUrl(options)
  for (const doubt of doubtsAboutBaseUrl(baseUrl, options.apiUrl)) report.warn(doubt)
  await using idFile = options.idFile === undefined ? undefined : await IdFile.prepare(options.idFile, signal)
  const existing =
    options.device === undefined
      ? undefined
      : await findMachine({
          cloud,
          id: options.device,
          timeoutMs: options.timeout ?? defaultTimeoutMs,
          report,
          signal,
        })

  if (existing && cloud.isReuseErasing) await confirmErasing(existing.id, options, context)
  if (existing && !options.alwaysPxe) {
    report.warn('with always-pxe=false, a machine that has booted before boots from its disk, not the new image')
  }
  const plan = existing?.plan || (chosen?.plan ?? options.machine)
  const place = existing?.place ?? chosen?.place ?? ''
  const arch = options.arch ?? row.archOf(plan)
  const prefix = options.imgName ?? name
  // While the API answers, the code that opens the console is loaded, and while the console answers, the image is loaded and its URLs
  // are checked, whose errors come first: each a tenth of a second.
  const isKeyNeeded = options.console && (!existing || cloud.consoleHosts('') === undefined)
  const listing = isKeyNeeded ? cloud.listKeys(signal) : undefined
  listing?.catch(() => {})
  const attaching = options.console ? await import('./attach.ts') : undefined
  const offering = offerImage({ prefix, baseUrl, tunnelUrl: tunnel?.url, arch, plan, row }, options, context)
  const checking = attaching?.checkBesideImage(offering, cloud, { machine: existing, place }, listing, options, context)
  checking?.catch(() => {})
  const image = await offering
  await using server = image.server
  const attach = await checking

  const isNamedByMark = Object.hasOwn(row.instead, 'hostname')
  const hostname = isNamedByMark ? undefined : (options.hostname ?? defaultHostname(context.env))
  const wanted = { hostname, scriptUrl: image.scriptUrl, alwaysPxe: options.alwaysPxe }
  const { ttl, keep } = options
  const until = ttl === undefined ? undefined : await findEnd(cloud, ttl, context)
  const starter = keep || existing || ttl !== undefined ? undefined : context.deafStarter
  if (starter !== undefined) {
    report.warn(
      `${starter} is the command of this container and does not pass SIGTERM on: if the container is stopped, this run is killed and its machine is not deleted; start metalkit itself (exec metalkit run ...), or set --ttl`,
    )
  }
  // For a kept machine, the last lines say what happens to it, on every way out.
  using _notice = keep || existing ? undefined : sayOnInterrupt(context, 'giving the machine back')
  await using machine = existing
    ? await reuseMachine({ cloud, record: existing, order: wanted, report, signal })
    : await rentMachine({
        cloud,
        order: { ...wanted, plan, place, until },
        runId: randomUUID(),
        rmSettings: scopeSettings(row, options, context),
        keep,
        report,
        signal,
        forced,
        onGiveBack: () => limit?.stop(),
      })
  const { record } = machine
  report.info(`Booting ${record.id}...`)
  try {
    idFile?.begin(record.id)
    signal.throwIfAborted()
    const held = idFile === undefined ? context : { ...context, signal: AbortSignal.any([signal, idFile.failure]) }
    if (attach) await attach(record, held, limit?.signal)
    else if (server) await serveUntilInterrupted(server, cloud, record, options, held)
  } finally {
    if (keep || existing) sayKept(cloud, record, options, context)
  }
}

function sayKept(cloud: Cloud, record: MachineRecord, options: RunOptions, { report }: Context): void {
  const { id } = record
  const ssh = sshLine(cloud, record, options)
  const ofLab = cloud.isTemporary ? 'until its lab ends' : 'until it is deleted'
  report.info(`The machine is kept, ${cloud.isLab ? ofLab : 'and costs money until it is deleted'}.`)
  if (cloud.costNote !== undefined && !cloud.isLab) report.info(cloud.costNote)
  report.info(`Device ID: ${id}`)
  report.info(`Console:   metalkit console ${id}`)
  if (ssh !== undefined) report.info(`      or:  ${ssh}`)
  report.info(`Delete it: metalkit rm ${id}`)
  report.event('machine-kept', { id })
}

/** The end of a machine with this time to live, by the API's clock, because this computer's may be wrong. */
async function findEnd(cloud: Cloud, ttlMs: number, { report, signal }: Context): Promise<string> {
  const ownMs = cloud.clock.now()
  const apiMs = (await cloud.readTime(signal)) ?? ownMs
  if (Math.abs(apiMs - ownMs) > clockToleranceMs) {
    const off = formatDuration(Math.round(Math.abs(apiMs - ownMs) / 1000) * 1000)
    report.warn(`this computer's clock is ${off} ${apiMs > ownMs ? 'behind' : 'ahead of'} the API's, which --ttl uses`)
  }
  return new Date(apiMs + ttlMs).toISOString()
}

/** Serves the booting machine until interrupted; without a console the terminal has room for a table of its progress. */
async function serveUntilInterrupted(
  server: Server,
  cloud: Cloud,
  record: MachineRecord,
  options: RunOptions,
  context: Context,
): Promise<void> {
  const { report, signal } = context
  report.info(`Access the console with: ${sshLine(cloud, record, options) ?? `metalkit console ${record.id}`}`)
  report.info('Serving until Ctrl-C')
  using _table = showBoots(server, context)
  if (!signal.aborted) await once(signal, 'abort')
}
