// What is served, and finding in it what a request asks for.
import { createHash } from 'node:crypto'
import { realpathSync, statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { errorCode, ServeError } from '../errors.ts'
import type { Resource } from './decide.ts'
import { encodeName, type Entry } from './listing.ts'
import { type OpenFile, openFile } from './open-file.ts'
import { readTarget, type Target } from './resolve-path.ts'

/** A file that is served under a name of its own, or a text. */
export type FileSource = { path: string } | { text: string }

/** What is served: a folder with all in it, or the named files alone. */
export type Content = { kind: 'folder'; path: string } | { kind: 'files'; files: ReadonlyMap<string, FileSource> }

/** What a request found, and where its bytes are. An open file is the caller's to close. */
export interface Found {
  resource: Resource
  source?: OpenFile | Buffer
}

function nothing(status: Extract<Resource, { kind: 'nothing' }>['status']): Found {
  return { resource: { kind: 'nothing', status } }
}

const statusOf: Readonly<Record<string, 403 | 404 | 503>> = {
  ENOENT: 404,
  ENOTDIR: 404,
  ENAMETOOLONG: 404,
  ELOOP: 404,
  ENXIO: 404,
  EACCES: 403,
  EPERM: 403,
  EMFILE: 503,
  ENFILE: 503,
}

/** An open file as an answer; what is none, a pipe say, is not there. */
function foundFile(path: string, name: string): Found {
  const file = openFile(path)
  if (file === undefined) return nothing(404)
  return { resource: { kind: 'file', name, sizeBytes: file.sizeBytes, ...file.validators }, source: file }
}

/** The real path of a name in a folder; undefined where links lead out of `root`. */
function realInside(root: string, path: string): string | undefined {
  const real = realpathSync.native(path)
  return real === root || real.startsWith(root.endsWith(sep) ? root : root + sep) ? real : undefined
}

/** The entries of a folder that would be served: no special files, no links that lead nowhere or outside. */
async function listEntries(root: string, folder: string): Promise<Entry[]> {
  const entries = await Promise.all(
    (await readdir(folder)).map(async (name): Promise<Entry | undefined> => {
      try {
        const real = realInside(root, join(folder, name))
        const stats = real === undefined ? undefined : await stat(real)
        const isFolder = stats?.isDirectory() === true
        if (stats === undefined || !(isFolder || stats.isFile())) return undefined
        return { name, folder: isFolder, sizeBytes: isFolder ? 0 : stats.size, modifiedMs: stats.mtimeMs }
      } catch (error) {
        if (errorCode(error) === undefined) throw error
        return undefined
      }
    }),
  )
  return entries.filter((entry) => entry !== undefined)
}

/** The page a folder has of its own. */
function findIndex(root: string, folder: string): string | undefined {
  try {
    const real = realInside(root, join(folder, 'index.html'))
    return real !== undefined && statSync(real).isFile() ? real : undefined
  } catch (error) {
    if (statusOf[errorCode(error) ?? ''] === 404) return undefined
    throw error
  }
}

async function findInFolder(path: string, { names, trailingSlashes, query }: Target): Promise<Found> {
  // Asked each time, since the folder may be a link that is switched to another release.
  const root = realpathSync.native(path)
  const real = realInside(root, join(root, ...names))
  if (real === undefined) return nothing(404)
  const name = names.at(-1) ?? ''
  const moved = (location: string): Found => ({ resource: { kind: 'moved', location: location + query } })
  const stats = statSync(real)
  if (stats.isFile()) {
    if (trailingSlashes > 0) return moved(`${'../'.repeat(trailingSlashes)}${encodeName(name)}`)
    return name === 'index.html' ? moved('./') : foundFile(real, name)
  }
  // Pipes, devices and sockets are not there, and are not touched.
  if (!stats.isDirectory()) return nothing(404)
  if (trailingSlashes === 0 && names.length > 0) return moved(`${encodeName(name)}/`)
  const index = findIndex(root, real)
  if (index !== undefined) return foundFile(index, 'index.html')
  return { resource: { kind: 'folder', path: ['', ...names, ''].join('/'), entries: await listEntries(root, real) } }
}

const startedMs = Date.now()

/** The named files as the entries of a folder; those that are there. */
function listNamed(files: ReadonlyMap<string, FileSource>): Entry[] {
  return [...files].flatMap(([name, source]) => {
    if ('text' in source) {
      return [{ name, folder: false, sizeBytes: Buffer.byteLength(source.text), modifiedMs: startedMs }]
    }
    const stats = statSync(source.path, { throwIfNoEntry: false })
    return stats?.isFile() === true ? [{ name, folder: false, sizeBytes: stats.size, modifiedMs: stats.mtimeMs }] : []
  })
}

function findNamed(files: ReadonlyMap<string, FileSource>, target: Target): Found {
  if (target.names.length === 0) {
    return { resource: { kind: 'folder', path: '/', entries: listNamed(files) } }
  }
  const name = target.names.join('/')
  const source = target.trailingSlashes > 0 ? undefined : files.get(name)
  if (source === undefined) return nothing(404)
  if ('path' in source) return statSync(source.path).isFile() ? foundFile(source.path, name) : nothing(404)
  const bytes = Buffer.from(source.text)
  const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`
  const resource: Resource = { kind: 'file', name, sizeBytes: bytes.length, etag, modifiedMs: startedMs }
  return { resource, source: bytes }
}

/** What the file system refuses is an answer too; only a defect or a failing disk throws. */
async function findTarget(content: Content, target: Target): Promise<Found> {
  try {
    return content.kind === 'folder' ? await findInFolder(content.path, target) : findNamed(content.files, target)
  } catch (error) {
    const status = statusOf[errorCode(error) ?? '']
    if (status === undefined) throw error
    return nothing(status)
  }
}

/** Finds what a request target, as it was sent, names. */
export type Finder = (text: string) => Promise<Found>

/**
 * Makes a finder. Requests that are handled in the same turn of the event loop share what the first of them found: machines
 * that boot together ask alike, and looking up a name costs more than all else in a small answer.
 */
export function createFinder(content: Content): Finder {
  const files = new Map<string, { found: Found; file: OpenFile }>()
  const forget = () => {
    for (const { file } of files.values()) file.close()
    files.clear()
  }
  return async (text) => {
    const known = files.get(text)
    if (known !== undefined) {
      known.file.share()
      return known.found
    }
    const target = readTarget(text)
    if ('status' in target) return nothing(target.status)
    const found = await findTarget(content, target)
    const file = found.source
    if (file !== undefined && !Buffer.isBuffer(file) && !files.has(text)) {
      if (files.size === 0) setImmediate(forget)
      file.share()
      files.set(text, { found, file })
    }
    return found
  }
}

/** Looks at what is to be served before anything is. @throws ServeError for a folder that is missing, unreadable or none */
export async function checkContent(content: Content): Promise<void> {
  if (content.kind === 'files') return
  const shown = `folder "${content.path}"`
  try {
    if ((await stat(content.path)).isDirectory()) {
      await readdir(content.path)
      return
    }
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') {
      throw new ServeError(`${shown} does not exist`, {
        hint: 'name a folder that does, or write an image to it with metalkit push first',
        cause,
      })
    }
    throw new ServeError(`${shown} cannot be read (${errorCode(cause) ?? String(cause)})`, {
      hint: 'look at its permissions',
      cause,
    })
  }
  throw new ServeError(`"${content.path}" is a file, not a folder`, { hint: 'name the folder that it is in' })
}
