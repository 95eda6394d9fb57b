// What is served, and finding in it what a request asks for.
import { createHash } from 'node:crypto'
import type { BigIntStats, Stats } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import { basename, join, resolve, sep } from 'node:path'
import { describeCondition, errorCode, ServeError } from '../errors.ts'
import type { Resource } from './decide.ts'
import { encodeName, type Entry } from './listing.ts'
import { OpenFile } from './files/open-file.ts'
import { openPinned, type Pin, pin, pinBelow } from './files/pin.ts'
import { readTarget, type Target } from './files/resolve-path.ts'

/** A file that is served under a name of its own, or a text. */
export type FileSource = { path: string } | { text: string }

/** What is served: a folder with all in it, or the named files alone. */
export type Content = { kind: 'folder'; path: string } | { kind: 'files'; files: ReadonlyMap<string, FileSource> }

/** What a request found, and where its bytes are. An open file is the caller's to close. */
export interface Found {
  resource: Resource
  source?: OpenFile | Buffer
  /** Why nothing was found, where the request does not show it: for the log, never for the client. */
  why?: string | undefined
}

function nothing(status: Extract<Resource, { kind: 'nothing' }>['status'], why?: string): Found {
  return { resource: { kind: 'nothing', status }, why }
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

/** A file that is held as an answer; anything but a plain file, a pipe say, does not exist. */
async function foundFile(held: Pin, name: string): Promise<Found> {
  const fd = held.stats.isFile() ? await openPinned(held) : undefined
  if (fd === undefined) return nothing(404)
  const file = new OpenFile(fd, held.stats)
  return { resource: { kind: 'file', name, sizeBytes: file.sizeBytes, ...file.validators }, source: file }
}

/** Whether something is in a folder, after all links. */
function isInside(root: Pin, { realPath }: Pin): boolean {
  const { realPath: folder } = root
  return realPath === folder || realPath.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

/** An entry of a folder that would be served; undefined for a special file, and a link that leads nowhere or outside. */
async function readEntry(root: Pin, folder: Pin, name: string): Promise<Entry | undefined> {
  try {
    let stats: Stats | BigIntStats = await lstat(join(folder.path, name))
    if (stats.isSymbolicLink()) {
      using target = await pinBelow(folder, name)
      if (!isInside(root, target)) return undefined
      stats = target.stats
    }
    const isFolder = stats.isDirectory()
    if (!isFolder && !stats.isFile()) return undefined
    return { name, folder: isFolder, sizeBytes: isFolder ? 0 : Number(stats.size), modifiedMs: Number(stats.mtimeMs) }
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}

/** How many entries are looked at side by side: each link takes a descriptor. */
const entriesAtOnce = 64

async function listEntries(root: Pin, folder: Pin): Promise<Entry[]> {
  const names = await readdir(folder.path)
  const entries: Entry[] = []
  for (let at = 0; at < names.length; at += entriesAtOnce) {
    const some = names.slice(at, at + entriesAtOnce).map(async (name) => await readEntry(root, folder, name))
    for (const entry of await Promise.all(some)) if (entry !== undefined) entries.push(entry)
  }
  return entries
}

/** The page a folder has of its own. */
async function findIndex(root: Pin, folder: Pin): Promise<Found | undefined> {
  try {
    using index = await pinBelow(folder, 'index.html')
    return isInside(root, index) && index.stats.isFile() ? await foundFile(index, 'index.html') : undefined
  } catch (error) {
    if (statusOf[errorCode(error) ?? ''] === 404) return undefined
    throw error
  }
}

async function findInFolder(path: string, { names, trailingSlashes, query }: Target): Promise<Found> {
  // Asked each time, since the folder may be a link that is switched to another release.
  using root = await pin(path)
  using held = await pinBelow(root, ...names)
  if (!isInside(root, held)) return nothing(404, 'a link leads out of the folder')
  const name = names.at(-1) ?? ''
  const moved = (location: string): Found => ({ resource: { kind: 'moved', location: location + query } })
  if (held.stats.isFile()) {
    if (trailingSlashes > 0) return moved(`${'../'.repeat(trailingSlashes)}${encodeName(name)}`)
    return name === 'index.html' ? moved('./') : await foundFile(held, name)
  }
  // Pipes, devices and sockets do not exist for clients, and are not opened.
  if (!held.stats.isDirectory()) return nothing(404, 'neither a file nor a folder')
  if (trailingSlashes === 0 && names.length > 0) return moved(`${encodeName(name)}/`)
  const index = await findIndex(root, held)
  if (index !== undefined) return index
  const entries = await listEntries(root, held)
  return { resource: { kind: 'folder', root: basename(resolve(path)), path: ['', ...names, ''].join('/'), entries } }
}

const startedMs = Date.now()

/** A named file as an entry of a folder; undefined if it is missing. */
async function readNamed(name: string, source: FileSource): Promise<Entry | undefined> {
  if ('text' in source) {
    return { name, folder: false, sizeBytes: Buffer.byteLength(source.text), modifiedMs: startedMs }
  }
  const stats = await stat(source.path).catch(() => undefined)
  return stats?.isFile() === true
    ? { name, folder: false, sizeBytes: stats.size, modifiedMs: stats.mtimeMs }
    : undefined
}

async function findNamed(files: ReadonlyMap<string, FileSource>, target: Target): Promise<Found> {
  if (target.names.length === 0) {
    const entries = await Promise.all([...files].map(async ([name, source]) => await readNamed(name, source)))
    return {
      resource: { kind: 'folder', root: '', path: '/', entries: entries.filter((entry) => entry !== undefined) },
    }
  }
  const name = target.names.join('/')
  const source = target.trailingSlashes > 0 ? undefined : files.get(name)
  if (source === undefined) return nothing(404)
  if ('path' in source) {
    using held = await pin(source.path)
    return await foundFile(held, name)
  }
  const bytes = Buffer.from(source.text)
  const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`
  const resource: Resource = { kind: 'file', name, sizeBytes: bytes.length, etag, modifiedMs: startedMs }
  return { resource, source: bytes }
}

/** What the file system refuses is an answer too; only a defect or a failing disk throws. */
async function findTarget(content: Content, target: Target): Promise<Found> {
  try {
    return content.kind === 'folder' ? await findInFolder(content.path, target) : await findNamed(content.files, target)
  } catch (error) {
    const status = statusOf[errorCode(error) ?? '']
    if (status === undefined) throw error
    // Not the machine's doing, and not to be seen in its request.
    return nothing(status, status === 503 ? describeCondition(error) : undefined)
  }
}

/** Finds what a request target, as it was sent, names. */
export type Finder = (text: string) => Promise<Found>

/**
 * Makes a finder. Requests that arrive in the same turn of the event loop share one look-up: machines that boot together
 * ask alike, and looking up a name costs more than all else in a small answer.
 */
export function createFinder(content: Content): Finder {
  const lookups = new Map<string, Promise<Found>>()
  const lookUp = async (text: string): Promise<Found> => {
    const target = readTarget(text)
    if ('status' in target) return nothing(target.status)
    const found = await findTarget(content, target)
    const { source } = found
    // Open until everyone who waits for the look-up has a use of their own.
    if (source instanceof OpenFile) setImmediate(() => source.close())
    return found
  }
  return async (text) => {
    let lookup = lookups.get(text)
    if (lookup === undefined) {
      if (lookups.size === 0) setImmediate(() => lookups.clear())
      lookup = lookUp(text)
      lookups.set(text, lookup)
    }
    const found = await lookup
    if (found.source instanceof OpenFile) found.source.share()
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
    throw new ServeError(`${shown} cannot be read: ${describeCondition(cause)}`, {
      hint: 'look at its permissions',
      cause,
    })
  }
  throw new ServeError(`"${content.path}" is a file, not a folder`, { hint: 'name the folder that it is in' })
}
