// The served content, and finding the file or folder that a request names.
import { createHash } from 'node:crypto'
import type { BigIntStats, Stats } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import { basename, join, resolve, sep } from 'node:path'
import { ServeError } from '../errors.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import type { Resource } from './decide.ts'
import { encodeName, type Entry } from './listing.ts'
import { OpenFile } from './files/open-file.ts'
import { openPinned, type Pin, pin, pinBelow } from './files/pin.ts'
import { readTarget, type Target } from './files/resolve-path.ts'
import { LookUps } from './look-ups.ts'

/** A file served under a name of its own, or a text. */
export type FileSource = { path: string } | { text: string }

/** The served content: a folder with everything in it, or named files only. */
export type Content = { kind: 'folder'; path: string } | { kind: 'files'; files: ReadonlyMap<string, FileSource> }

/** The resource that a request names, and the source of its bytes. The caller closes an open file. */
export interface LookupResult {
  resource: Resource
  source?: OpenFile | Buffer
  /** Why nothing was found, if the request does not show it: for the log, never for the client. */
  why?: string | undefined
}

function nothing(status: Extract<Resource, { kind: 'nothing' }>['status'], why?: string): LookupResult {
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

/** The resource for a pinned file; anything but a plain file, such as a pipe, counts as missing. */
async function fileResult(held: Pin, name: string): Promise<LookupResult> {
  const fd = held.stats.isFile() ? await openPinned(held) : undefined
  if (fd === undefined) return nothing(404)
  const file = new OpenFile(fd, held.stats)
  return { resource: { kind: 'file', name, sizeBytes: file.sizeBytes, ...file.validators }, source: file }
}

/** True if a path is inside a folder after resolving all links. */
function isInside(root: Pin, { realPath }: Pin): boolean {
  const { realPath: folder } = root
  return realPath === folder || realPath.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

/** A folder entry that may be served; undefined for a special file or a link that leads nowhere or outside. */
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

/** How many entries are examined in parallel: each link takes a descriptor. */
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

/** The folder's own index page. */
async function findIndex(root: Pin, folder: Pin): Promise<LookupResult | undefined> {
  try {
    using index = await pinBelow(folder, 'index.html')
    return isInside(root, index) && index.stats.isFile() ? await fileResult(index, 'index.html') : undefined
  } catch (error) {
    if (statusOf[errorCode(error) ?? ''] === 404) return undefined
    throw error
  }
}

async function findInFolder(path: string, { names, trailingSlashes, query }: Target): Promise<LookupResult> {
  // Resolved for each request, since the folder may be a link that is switched to another release.
  using root = await pin(path)
  using held = await pinBelow(root, ...names)
  if (!isInside(root, held)) return nothing(404, 'a link leads outside the folder')
  const name = names.at(-1) ?? ''
  const moved = (location: string): LookupResult => ({ resource: { kind: 'moved', location: location + query } })
  if (held.stats.isFile()) {
    if (trailingSlashes > 0) return moved(`${'../'.repeat(trailingSlashes)}${encodeName(name)}`)
    return name === 'index.html' ? moved('./') : await fileResult(held, name)
  }
  // For clients, pipes, devices and sockets do not exist; they are never opened.
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

async function findNamed(files: ReadonlyMap<string, FileSource>, target: Target): Promise<LookupResult> {
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
    return await fileResult(held, name)
  }
  const bytes = Buffer.from(source.text)
  const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`
  const resource: Resource = { kind: 'file', name, sizeBytes: bytes.length, etag, modifiedMs: startedMs }
  return { resource, source: bytes }
}

/** Turns file system errors into answers; only a defect or a failing disk throws. */
async function findTarget(content: Content, target: Target): Promise<LookupResult> {
  try {
    return content.kind === 'folder' ? await findInFolder(content.path, target) : await findNamed(content.files, target)
  } catch (error) {
    const status = statusOf[errorCode(error) ?? '']
    if (status === undefined) throw error
    // The client did not cause it, and its request does not show it.
    return nothing(status, status === 503 ? describeCondition(error) : undefined)
  }
}

/** Finds the resource that a raw request target names. */
export type Finder = (text: string) => Promise<LookupResult>

/**
 * Makes a finder. Requests that arrive in the same turn of the event loop share one look-up: machines that boot together
 * send the same requests, and looking up a name costs more than the rest of a small response.
 */
export function createFinder(content: Content): Finder {
  const lookups = new Map<string, Promise<LookupResult>>()
  const running = new LookUps()
  const lookUp = async (text: string): Promise<LookupResult> => {
    const target = readTarget(text)
    if ('status' in target) return nothing(target.status)
    const result = await running.run(target.names.join('/'), async () => await findTarget(content, target))
    if (result === undefined) return nothing(503, 'its file system does not respond')
    const { source } = result
    // Stays open until every request waiting for this look-up has taken its own share.
    if (source instanceof OpenFile) setImmediate(() => source.close())
    return result
  }
  return async (text) => {
    let lookup = lookups.get(text)
    if (lookup === undefined) {
      if (lookups.size === 0) setImmediate(() => lookups.clear())
      lookup = lookUp(text)
      lookups.set(text, lookup)
    }
    const result = await lookup
    if (result.source instanceof OpenFile) result.source.share()
    return result
  }
}

/** Checks the content before serving starts. @throws ServeError for a folder that is missing, unreadable or not a folder */
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
        hint: 'name an existing folder, or write an image to it with metalkit push first',
        cause,
      })
    }
    throw new ServeError(`${shown} cannot be read: ${describeCondition(cause)}`, {
      hint: 'check its permissions',
      cause,
    })
  }
  throw new ServeError(`"${content.path}" is a file, not a folder`, { hint: 'name the folder that contains it' })
}
