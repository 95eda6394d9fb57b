// Finds the files that a pattern matches, as glob(7) does for Include.
import { stat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The home folder of a user in /etc/passwd, or undefined. */
async function findHome(user: string): Promise<string | undefined> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const fields = text.split('\n').map((line) => line.split(':'))
  return fields.find(([name]) => name === user)?.[5]
}

/** Puts a home folder in place of a leading `~` or `~user`; undefined for an unknown user. */
export async function expandTilde(path: string, home: string): Promise<string | undefined> {
  const [, user, rest = ''] = /^~([^/]*)(\/.*)?$/s.exec(path) ?? []
  if (user === undefined) return path
  const folder = user === '' ? home : await findHome(user)
  return folder === undefined ? undefined : `${folder.replace(/\/+$/, '')}/${rest.replace(/^\/+/, '')}`
}

/** One part of a path as an expression; undefined for a part without wildcards. */
function readPart(part: string): { name: string } | { pattern: RegExp } {
  let source = ''
  let name = ''
  let isPattern = false
  for (let at = 0; at < part.length; at++) {
    const char = part.charAt(at)
    const set = char === '[' ? /^\[([!^]?)(\]?[^\]]*)\]/.exec(part.slice(at)) : null
    if (char === '*' || char === '?') {
      isPattern = true
      source += char === '*' ? '.*' : '.'
    } else if (set !== null) {
      isPattern = true
      const [whole, negated, members = ''] = set
      // Classes such as [:digit:] are not read; nobody names files that way.
      source += `[${negated === '' ? '' : '^'}${members.replaceAll(/[\\\]^[]/g, String.raw`\$&`)}]`
      at += whole.length - 1
    } else {
      const literal = char === '\\' && at + 1 < part.length ? part.charAt(++at) : char
      name += literal
      source += literal.replace(/[\\^$.*+?()[\]{}|/]/, String.raw`\$&`)
    }
  }
  if (!isPattern) return { name }
  try {
    return { pattern: new RegExp(`^${source}$`, 'su') }
  } catch {
    // A range that runs backwards matches nothing.
    return { pattern: /(?!)/ }
  }
}

const exists = async (path: string) =>
  await stat(path).then(
    () => true,
    () => false,
  )

/** The files of a configuration. Each is read once: later its file system may hang while a machine costs money. */
export class ConfigFiles {
  readonly #texts = new Map<string, Promise<string>>()
  readonly #files = new Map<string, Promise<string[]>>()

  /** @throws the error of the file system */
  read(file: string): Promise<string> {
    const text = this.#texts.get(file) ?? readFile(file, 'utf8')
    this.#texts.set(file, text)
    return text
  }

  find(pattern: string): Promise<string[]> {
    const files = this.#files.get(pattern) ?? findFiles(pattern)
    this.#files.set(pattern, files)
    return files
  }
}

/** The paths that a pattern names, with wildcards in every part, in the order of their bytes. */
export async function findFiles(pattern: string): Promise<string[]> {
  let paths = ['/']
  const parts = pattern.split('/').filter((part) => part !== '')
  for (const part of parts) {
    const read = readPart(part)
    const next: string[] = []
    for (const folder of paths) {
      if ('name' in read) {
        next.push(join(folder, read.name))
        continue
      }
      const names = await readdir(folder).catch(() => [])
      const seen = names.filter((name) => read.pattern.test(name) && (!name.startsWith('.') || part.startsWith('.')))
      next.push(...seen.map((name) => join(folder, name)))
    }
    paths = next
  }
  // Dangling links are omitted, as in glob(3).
  const there = await Promise.all(paths.map(async (path) => ((await exists(path)) ? [path] : [])))
  return there.flat().toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}
