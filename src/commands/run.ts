import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { userInfo } from 'node:os'
import { basename } from 'node:path'
import { ImageError, UsageError } from '../errors.ts'
import { type Image, loadImage } from '../image/image.ts'
import type { Context } from '../io.ts'
import { archOfPlan } from '../ipxe/arch.ts'
import { bootScript, initrdName, kernelName, scriptName } from '../ipxe/script.ts'
import { MetalClient } from '../metal/client.ts'
import { facilities, metroOfFacility } from '../metal/locations.ts'
import { findMachine, rentMachine, reuseMachine } from '../metal/machine.ts'
import type { Device } from '../metal/schema.ts'
import { requireOption } from '../options.ts'
import { checkUrls } from '../serve/check-urls.ts'
import { startServer } from '../serve/server.ts'
import { checkConsole, type ConsoleAccess, holdConsole, prepareConsole, sosAddress, sshLine } from './attach.ts'
import type { RunOptions } from './index.ts'

const urlTimeoutMs = 30_000
const defaultMetro = 'am'

/** --zone as a metro, --metro, or the default. */
function chooseMetro({ zone, metro }: RunOptions): string {
  if (zone === undefined) return metro ?? defaultMetro
  const ofZone = metroOfFacility(zone)
  if (ofZone === undefined) {
    const hint = `give a metro with --metro, or one of the facilities ${Object.keys(facilities).join(', ')}`
    throw new UsageError(`--zone "${zone}" is not a known facility`, { hint })
  }
  if (metro !== undefined && metro !== ofZone) {
    throw new UsageError(`the facility "${zone}" is in metro ${ofZone}, not in "${metro}"`, {
      hint: 'give --metro alone',
    })
  }
  return ofZone
}

/** The user's name made into a host name. */
function defaultHostname(): string {
  return `${userInfo().username.replaceAll(/[^a-zA-Z0-9-]/g, '-')}-linuxkit`
}

/** Refuses an image that cannot run on the machine. */
function checkArch(image: Image, arch: string, machine: string): void {
  if (image.arch !== arch) {
    const is =
      image.arch === undefined
        ? 'not a kernel that machines boot (neither bzImage nor arm64 Image)'
        : `for ${image.arch}`
    throw new ImageError(`"${image.kernel.path}" is ${is}, and ${machine} is ${arch}`, {
      hint: `build the image for ${arch}, or choose another --machine or --arch`,
    })
  }
  if (arch === 'aarch64' && image.kernelGzipped) {
    throw new ImageError(`"${image.kernel.path}" is compressed, and iPXE on aarch64 boots no compressed kernel`, {
      hint: 'write it decompressed with metalkit push -decompress, and run from there',
    })
  }
}

/** `run equinixmetal`: image, URLs, console, machine, console, and back again. */
export async function execute(
  [given = '']: readonly (string | undefined)[],
  options: RunOptions,
  context: Context,
): Promise<void> {
  const { report, signal, forced } = context
  if (!options.keep && !options.console) {
    throw new UsageError(
      'the combination of keep=false and console=false makes little sense: the machine would be deleted at once',
      {
        hint: 'give --keep, or leave the console on',
      },
    )
  }
  const baseUrl = requireOption('baseUrl', options.baseUrl)
  const token = requireOption('apiKey', options.apiKey)
  const metro = chooseMetro(options)
  const client = new MetalClient({ apiUrl: options.apiUrl, token, env: context.env, report })
  const projectId = options.device === undefined ? requireOption('projectId', options.projectId) : ''
  const prefix = options.imgName ?? given
  const name = basename(prefix)

  const existing = options.device === undefined ? undefined : await findMachine(client, options.device, signal)
  const plan = existing?.plan?.slug ?? options.machine
  const arch = options.arch ?? archOfPlan(plan)
  await using server =
    options.serve &&
    (await serveImage(prefix, arch, `the plan ${plan}`, { ...options, baseUrl, serve: options.serve }, context))
  if (server) report.info(`Serving the image ${name} at ${server.url}`)

  const scriptUrl = `${baseUrl}/${scriptName(name)}`
  const urls = [scriptUrl, `${baseUrl}/${kernelName(name)}`, `${baseUrl}/${initrdName(name)}`]
  await checkUrls(urls, { signal, timeoutMs: urlTimeoutMs, report })

  let access: ConsoleAccess | undefined
  if (options.console) {
    access = await prepareConsole(options, context)
    await checkConsole(options.sos ?? (existing ? sosAddress(existing, undefined) : { metro }), access, context)
  }

  const wanted = {
    hostname: options.hostname ?? defaultHostname(),
    ipxe_script_url: scriptUrl,
    always_pxe: options.alwaysPxe,
  }
  await using machine = existing
    ? await reuseMachine({ client, device: existing, update: wanted, report, signal })
    : await rentMachine({
        client,
        projectId,
        input: { ...wanted, plan: options.machine, metro },
        runId: randomUUID(),
        keep: options.keep,
        report,
        forced,
      })
  const { device } = machine
  report.info(`Booting ${device.id}...`)

  try {
    signal.throwIfAborted()
    if (access !== undefined) await holdConsole(client, device, access, options, context)
    else if (server) await serveUntilInterrupted(device, options, context)
  } finally {
    if (options.keep || existing) sayKept(device, options, context)
  }
}

/** Serves the three names of an image, and nothing else. */
async function serveImage(
  prefix: string,
  arch: 'x86_64' | 'aarch64',
  machine: string,
  { baseUrl, serve }: RunOptions & { baseUrl: string; serve: NonNullable<RunOptions['serve']> },
  { report }: Context,
) {
  const image = await loadImage(prefix)
  checkArch(image, arch, machine)
  const { name, kernel, initrd, cmdline } = image
  const text = bootScript({ name, baseUrl, arch, cmdline })
  report.debug(`the iPXE script:\n${text}`)
  const files = new Map([
    [scriptName(name), { text }],
    [kernelName(name), { path: kernel.path }],
    [initrdName(name), { path: initrd.path }],
  ])
  return startServer({ listen: serve, content: { kind: 'files', files }, report })
}

function sayKept(device: Device, options: RunOptions, { report }: Context): void {
  report.info('The machine is kept, and costs money until it is deleted.')
  report.info(`Device ID: ${device.id}`)
  report.info(`Console:   ${sshLine(device, sosAddress(device, options.sos))}`)
}

/** Keeps serving to the machine that boots. Ctrl-C is the way this is meant to end. */
async function serveUntilInterrupted(device: Device, options: RunOptions, { report, signal }: Context): Promise<void> {
  report.info(`Access the console with: ${sshLine(device, sosAddress(device, options.sos))}`)
  report.info('Serving until Ctrl-C')
  if (!signal.aborted) await once(signal, 'abort')
}
