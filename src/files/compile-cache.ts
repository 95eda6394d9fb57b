// Keeps the code that V8 compiles from this program's chunks, because compiling takes half of a command's start: one file for each
// command, read at once when it starts. Node 22 has module.enableCompileCache for this; Node 20 has only what that is made of.
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { Script } from 'node:vm'
import { crc32 } from 'node:zlib'
import { replaceFileSync } from './atomic-file.ts'
import { homeFolder } from './home-folder.ts'
import { makeFolder } from './make-folder.ts'
import { isRemote, isRemoteMount } from './remote.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** After this time a command has started; V8 drops code that it has not used for minutes, so this does not wait for the end. */
const startedMs = 3000

/** What makes a chunk a function of the names that Node gives a module. */
const functionStart = Buffer.from('(function (exports, require, module, __filename, __dirname) {')
const functionEnd = Buffer.from('\n})')

/** The compiled code of a chunk. */
interface Code {
  /** Of the source: V8 itself compares only lengths. A checksum suffices: nobody but the user can write to the file. */
  checksum: number
  data: Buffer
}

/** True if only this user can write to it: compiled code is trusted as the program itself is. */
function isOwn({ uid, mode }: { uid: number; mode: number }): boolean {
  return uid === process.getuid?.() && (mode & 0o022) === 0
}

/** The bytes of a file: a checksum of the rest, a line that says what follows, and the code of each chunk. */
function packCodes(codes: ReadonlyMap<string, Code>): Buffer {
  const index = [...codes].map(([name, { checksum, data }]) => [name, checksum, data.length])
  const rest = Buffer.concat([
    Buffer.from(`${JSON.stringify(index)}\n`),
    ...[...codes.values()].map(({ data }) => data),
  ])
  return Buffer.concat([Buffer.from(`${crc32(rest)}\n`), rest])
}

/** Reads what packCodes wrote; nothing if a byte is different. */
function unpackCodes(bytes: Buffer): Map<string, Code> {
  const codes = new Map<string, Code>()
  const start = bytes.indexOf('\n') + 1
  const rest = bytes.subarray(start)
  if (bytes.toString('latin1', 0, start) !== `${crc32(rest)}\n`) return codes
  let at = rest.indexOf('\n') + 1
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the checksum shows that packCodes wrote it
  for (const [name, checksum, length] of JSON.parse(rest.toString('utf8', 0, at)) as [string, number, number][]) {
    codes.set(name, { checksum, data: rest.subarray(at, (at += length)) })
  }
  return codes
}

function readCodes(path: string): Map<string, Code> {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const stat = fstatSync(fd)
      if (stat.isFile() && isOwn(stat)) return unpackCodes(readFileSync(fd))
    } finally {
      closeSync(fd)
    }
  } catch {
    // It does not exist yet.
  }
  return new Map()
}

/** Loads the chunks of this program with the code in this file, to which the code of further chunks is added. */
function keepInFile(path: string): void {
  const kept = readCodes(path)
  const compiled = new Map<string, { checksum: number; script: Script }>()
  const require = createRequire(import.meta.filename)
  const load = (module: NodeModule, filename: string) => {
    const source = readFileSync(filename)
    const name = basename(filename)
    const checksum = crc32(source)
    const code = kept.get(name)
    // Chunks are ASCII (rolldown.config.ts), which is read fastest as Latin-1.
    // Joined as bytes: V8 would keep a second copy of a joined string.
    const text = Buffer.concat([functionStart, source, functionEnd]).toString('latin1')
    const script = new Script(text, {
      filename,
      ...(code?.checksum === checksum ? { cachedData: code.data } : {}),
    })
    if (script.cachedDataRejected !== false) compiled.set(name, { checksum, script })
    const run: unknown = script.runInThisContext()
    if (typeof run !== 'function') return
    Reflect.apply(run, module.exports, [module.exports, requireChunk, module, filename, dirname(filename)])
  }
  // A chunk needs others, all beside it: Node would look for each of them in several places, which takes as long as to run it.
  const requireChunk = (id: string): unknown => {
    if (!id.startsWith('./')) return require(id)
    const filename = join(import.meta.dirname, id)
    const known = require.cache[filename]
    if (known !== undefined) return known.exports
    const module = new Module(filename)
    require.cache[filename] = module
    load(module, filename)
    module.loaded = true
    return module.exports
  }
  // Deprecated in favour of compiling ahead, but Node keeps it. It loads the first chunk, and those that the first file needs later.
  require.extensions['.cjs'] = load
  const write = () => {
    if (compiled.size === 0) return
    for (const [name, { checksum, script }] of compiled) kept.set(name, { checksum, data: script.createCachedData() })
    compiled.clear()
    try {
      replaceFileSync(path, packCodes(kept), 0o600)
    } catch {
      // The disk is full, say. The next start compiles again.
    }
  }
  setTimeout(write, startedMs).unref()
  process.once('exit', write)
}

/** The folder for compiled code: $XDG_CACHE_HOME/metalkit, by default under ~/.cache. A relative path is ignored. */
function folderOf(env: Environment): string {
  const cache = env['XDG_CACHE_HOME'] ?? ''
  return join(isAbsolute(cache) ? cache : join(homeFolder(env), '.cache'), 'metalkit')
}

/**
 * Keeps compiled code from now on, unless NODE_DISABLE_COMPILE_CACHE turns it off or there is no private folder for it.
 * @param name the command: each runs other parts of the code
 */
export async function keepCode(name: string, env: Environment): Promise<void> {
  // Node counts which lines run only in code that it has compiled itself.
  if (env['NODE_DISABLE_COMPILE_CACHE'] !== undefined || env['NODE_V8_COVERAGE'] !== undefined) return
  try {
    const folder = folderOf(env)
    // The command must start even if this one hangs.
    if (isRemoteMount(folder)) return
    await makeFolder(folder, 0o700)
    const stat = lstatSync(folder)
    if (!stat.isDirectory() || !isOwn(stat) || (await isRemote(folder))) return
    keepInFile(join(folder, `${name}-${process.arch}-${process.version}`))
  } catch {
    // The folder cannot be created; nothing else depends on it.
  }
}
