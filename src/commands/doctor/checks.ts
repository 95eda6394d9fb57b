// The checks of doctor. Each returns its result, or throws the error that run or lab would have thrown.
import { randomUUID } from 'node:crypto'
import { basename } from 'node:path'
import { PassThrough } from 'node:stream'
import { ApiError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import { doubtsAboutBaseUrl } from '../../ipxe/base-url.ts'
import { bootScript, filesOf } from '../../ipxe/boot-script.ts'
import { formatAddress } from '../../address.ts'
import { adviseLab, openCloud, requireFlag } from '../clouds/open-cloud.ts'
import { type CloudRow, clouds } from '../clouds/clouds.ts'
import { checkConsole, prepareConsole, reachConsole } from '../console/prepare-console.ts'
import type { DoctorOptions } from '../../options/command-flags.ts'
import { type Check, Skip } from './check.ts'
import { labChecks } from './lab-checks.ts'
import { checkIdFile } from '../run/id-file.ts'
import { requireKnownKey } from '../console/known-keys.ts'

const urlTimeoutMs = 10_000
const clockToleranceMs = 30_000

/** Access to the console without its patterns, and without questions to the user. */
async function accessOf(options: DoctorOptions, context: Context, wanted?: ReadonlySet<string>) {
  // Only a run creates the files of --log and --record.
  const quiet = { ...options, hostKeyPolicy: 'ask', log: undefined, record: undefined } as const
  const silent = { ...context, stdin: new PassThrough() }
  return await prepareConsole(quiet, silent, reachConsole(quiet, silent, wanted))
}

/** Results that later checks need. */
interface Seen {
  /** Whether the credentials are accepted. */
  isAccepted: boolean
  hasKeys: boolean
}

/** The calls of run. */
function accountChecks(row: CloudRow, options: DoctorOptions, seen: Seen): Check[] {
  const { apiKey, projectId } = options
  const [credentials, ...others] = row.parts
  const cloudOf = (context: Context) => openCloud(row, options, context)
  const needCredentials = () => {
    if (!seen.isAccepted) throw new Skip(`the ${credentials.name} does not work`)
  }
  return [
    {
      name: credentials.name,
      async look(context) {
        const finding = await (await cloudOf(context)).check(credentials.name, context.signal)
        seen.isAccepted = true
        return finding
      },
    },
    ...others.map(({ name, needs, isOffer }) => ({
      name,
      async look(context: Context) {
        const value: unknown = needs === undefined ? '' : Reflect.get(options, needs)
        if (needs !== undefined) await requireFlag(row, needs, typeof value === 'string' ? value : undefined, context)
        needCredentials()
        const cloud = await cloudOf(context)
        if (isOffer !== true) return await cloud.check(name, context.signal)
        const wish = { plan: options.machine, place: options.metro }
        const { plan, place, doubt } = await cloud.prepare(wish, context.signal)
        if (doubt !== undefined)
          return { detail: doubt, hint: 'if the API refuses it, choose with --metro and --machine' }
        return { detail: `${plan} can be rented in ${place}` }
      },
    })),
    {
      name: 'clock',
      async look(context) {
        needCredentials()
        const timeMs = await (await cloudOf(context)).readTime(context.signal)
        if (timeMs === undefined) throw new Skip('the API does not report its time')
        const offMs = Math.abs(Date.now() - timeMs)
        if (offMs <= clockToleranceMs) return { detail: "within seconds of the API's" }
        const breaks = `${Object.hasOwn(row.instead, 'ttl') ? '' : '--ttl and '}certificate checks`
        const detail = `${Math.round(offMs / 1000)} s away from the API's, which breaks ${breaks}`
        return { detail, hint: 'set it, for example with timedatectl set-ntp true' }
      },
    },
    {
      name: 'keys',
      async look(context) {
        const host = options.sos ?? { host: 'localhost', port: 22 }
        const search = (await accessOf(options, context)).find(host, '', context.signal)
        const isFirst = row === clouds[0]
        const access = await search.catch((error: unknown) => adviseLab(error, isFirst ? apiKey : '', context.env))
        seen.hasKeys = true
        const labels = access.identities.keys.map(({ label }) => label).join(', ')
        const cloud = await openCloud(row, options, context, true)
        if (!seen.isAccepted || (isFirst && projectId === undefined))
          return { detail: `${labels}; not compared with the ${cloud.scope}'s keys` }
        const known = await cloud.listKeys(context.signal)
        if (known === undefined && !isFirst)
          return { detail: `${labels}; no key has to be registered with ${row.title}` }
        if (known === undefined) throw new ApiError("the project's SSH keys cannot be listed", { layer: 'metal' })
        requireKnownKey(known, access.identities, cloud.scope)
        return { detail: `the ${cloud.scope} has one of these: ${labels}` }
      },
    },
  ]
}

function consoleCheck(row: CloudRow, options: DoctorOptions, seen: Seen): Check {
  return {
    name: 'console',
    async look(context) {
      const { sos } = options
      const cloud = await openCloud(row, options, context, true)
      const hosts = cloud.consoleHosts('')
      if (hosts === undefined) throw new Skip('its host is known once there is a machine')
      const { place } = await cloud.prepare({ plan: options.machine, place: options.metro }, context.signal)
      if (!options.console) throw new Skip('--console=false')
      if (!seen.hasKeys) throw new Skip('no SSH key was found')
      const warnings: string[] = []
      const report = { ...context.report, warn: (line: string) => warnings.push(line) }
      await checkConsole(cloud, { place }, await accessOf(options, context), { ...context, report })
      const [warning] = warnings
      if (warning !== undefined) return { detail: warning, hint: 'name the SOS host with --sos' }
      const where = sos === undefined ? `an ${hosts.kind} of ${hosts.area} ${place}` : formatAddress(sos)
      return { detail: `${where} answers, and its host key is trusted` }
    },
  }
}

/** The image and its URLs. */
function imageChecks(row: CloudRow, prefix: string | undefined, options: DoctorOptions): Check[] {
  const { serve, baseUrl } = options
  const image: Check = {
    name: 'image',
    async look() {
      if (prefix === undefined) throw new Skip('no image name was given')
      if (serve === undefined) throw new Skip('without --serve, the image is served elsewhere')
      const { loadImage } = await import('../../image/image.ts')
      const { name, arch, cmdline } = await loadImage(prefix)
      if (arch !== undefined) bootScript({ name, baseUrl: baseUrl ?? '', arch, cmdline, cloud: row.script })
      const detail = `${name} for ${arch ?? 'an unknown architecture'}`
      return arch === undefined ? { detail, hint: 'check that <name>-kernel is a kernel' } : { detail }
    },
  }
  const url: Check = {
    name: 'base-url',
    async look(context) {
      if (baseUrl === undefined) {
        const why =
          options.tunnel === undefined ? 'there is no --base-url' : 'the tunnel creates it when the run starts'
        throw new Skip(why)
      }
      const { report, signal, env } = context
      const { checkUrls, hintOfUrls } = await import('../../serve/check-urls.ts')
      const [doubt] = doubtsAboutBaseUrl(baseUrl, options.apiUrl)
      const check = (names: readonly string[]) =>
        checkUrls(
          names.map((name) => `${baseUrl}/${name}`),
          { signal, timeoutMs: urlTimeoutMs, env, hint: hintOfUrls(baseUrl, serve?.port), report },
        )
      if (serve !== undefined) {
        const { startServer } = await import('../../serve/server.ts')
        const name = `metalkit-doctor-${randomUUID()}`
        const files = new Map([[name, { text: 'here' }]])
        await using _server = await startServer({ listen: serve, content: { kind: 'files', files }, report })
        await check([name])
      } else if (prefix === undefined) {
        throw new Skip('no image name was given')
      } else {
        await check(filesOf(basename(prefix), row.script))
      }
      const what = serve === undefined ? 'has the image' : 'leads to --serve'
      const detail = `${baseUrl} ${what}, as seen from here`
      return doubt === undefined ? { detail } : { detail, hint: doubt }
    },
  }
  const path = options.idFile ?? ''
  const idFile: Check = {
    name: 'id-file',
    async look({ signal }) {
      await checkIdFile(path, signal)
      return { detail: `${path} is writable` }
    },
  }
  return options.idFile === undefined ? [image, url] : [image, url, idFile]
}

/** All checks, in the order of a run. */
export function listChecks(row: CloudRow, prefix: string | undefined, options: DoctorOptions): Check[] {
  const seen = { isAccepted: false, hasKeys: false }
  return [
    ...accountChecks(row, options, seen),
    consoleCheck(row, options, seen),
    ...imageChecks(row, prefix, options),
    ...labChecks(options.arch ?? row.archOf(options.machine)),
  ]
}
