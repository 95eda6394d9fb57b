// The checks of doctor. Each returns its result, or throws the error that run or lab would have thrown.
import { randomUUID } from 'node:crypto'
import { basename } from 'node:path'
import { PassThrough } from 'node:stream'
import { ApiError } from '../../errors.ts'
import type { Cloud } from '../../machine/cloud.ts'
import type { Context } from '../../io.ts'
import { doubtsAboutBaseUrl } from '../../ipxe/base-url.ts'
import { bootScript, initrdName, kernelName, scriptName } from '../../ipxe/script.ts'
import { formatAddress } from '../../address.ts'
import { adviseLab, cloudContextOf, openCloud } from '../shared/api.ts'
import { checkConsole, prepareConsole } from '../console/prepare-console.ts'
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
  return await prepareConsole(
    { ...options, hostKeyPolicy: 'ask', log: undefined, record: undefined },
    { ...context, stdin: new PassThrough() },
    wanted,
  )
}

/** Results that later checks need. */
interface Seen {
  tokenWorks: boolean
  hasKeys: boolean
}

/** The API calls of run. */
function apiChecks(options: DoctorOptions, seen: Seen): Check[] {
  const { projectId } = options
  const cloudOf = (context: Context) => openCloud(options, context)
  const needToken = () => {
    if (!seen.tokenWorks) throw new Skip('the token does not work')
  }
  return [
    {
      name: 'token',
      async look(context) {
        const finding = await (await cloudOf(context)).check('token', context.signal)
        seen.tokenWorks = true
        return finding
      },
    },
    {
      name: 'project',
      async look(context) {
        await cloudContextOf(context).require('projectId', projectId)
        needToken()
        return await (await cloudOf(context)).check('project', context.signal)
      },
    },
    {
      name: 'clock',
      async look(context) {
        needToken()
        const timeMs = await (await cloudOf(context)).readTime(context.signal)
        if (timeMs === undefined) throw new Skip('the API does not report its time')
        const offMs = Math.abs(Date.now() - timeMs)
        if (offMs <= clockToleranceMs) return { detail: "within seconds of the API's" }
        const detail = `${Math.round(offMs / 1000)} s away from the API's, which breaks --ttl and certificate checks`
        return { detail, hint: 'set it, for example with timedatectl set-ntp true' }
      },
    },
    {
      name: 'keys',
      async look(context) {
        const sos = options.sos ?? { host: 'localhost', port: 22 }
        const search = (await accessOf(options, context)).find(sos, '', context.signal)
        const access = await search.catch((error: unknown) => adviseLab(error, options.apiKey, context.env))
        seen.hasKeys = true
        const labels = access.identities.keys.map(({ label }) => label).join(', ')
        if (!seen.tokenWorks || projectId === undefined)
          return { detail: `${labels}; not compared with the project's keys` }
        const cloud = await cloudOf(context)
        const known = await cloud.listKeys(context.signal)
        if (known === undefined) throw new ApiError("the project's SSH keys cannot be listed", { layer: 'metal' })
        requireKnownKey(known, access.identities, cloud.scope)
        return { detail: `the project has one of these: ${labels}` }
      },
    },
  ]
}

function consoleCheck(options: DoctorOptions, seen: Seen): Check {
  return {
    name: 'console',
    async look(context) {
      const cloud: Cloud = await openCloud(options, context, true)
      const { place } = await cloud.prepare({ plan: options.machine, place: options.metro }, context.signal)
      if (!options.console) throw new Skip('--console=false')
      if (!seen.hasKeys) throw new Skip('no SSH key was found')
      const { sos } = options
      const warnings: string[] = []
      const report = { ...context.report, warn: (line: string) => warnings.push(line) }
      await checkConsole(cloud, { place }, await accessOf(options, context), { ...context, report })
      const [warning] = warnings
      if (warning !== undefined) return { detail: warning, hint: 'name the SOS host with --sos' }
      const where = sos === undefined ? `an SOS host of metro ${place}` : formatAddress(sos)
      return { detail: `${where} answers, and its host key is trusted` }
    },
  }
}

/** The image and its URLs. */
function imageChecks(prefix: string | undefined, options: DoctorOptions): Check[] {
  const { serve, baseUrl } = options
  const image: Check = {
    name: 'image',
    async look() {
      if (prefix === undefined) throw new Skip('no image name was given')
      if (serve === undefined) throw new Skip('without --serve, the image is served elsewhere')
      const { loadImage } = await import('../../image/image.ts')
      const { name, arch, cmdline } = await loadImage(prefix)
      if (arch !== undefined) bootScript({ name, baseUrl: baseUrl ?? '', arch, cmdline })
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
        await check([scriptName, kernelName, initrdName].map((nameOf) => nameOf(basename(prefix))))
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
export function listChecks(prefix: string | undefined, options: DoctorOptions): Check[] {
  const seen = { tokenWorks: false, hasKeys: false }
  return [
    ...apiChecks(options, seen),
    consoleCheck(options, seen),
    ...imageChecks(prefix, options),
    ...labChecks(options),
  ]
}
