// The lines of an iPXE script (src/image/script.c, src/core/exec.c): words separated by white space, no quoting; commands joined
// by `||` and `&&`; a line that ends in a backslash goes on in the next.

/** A line, whole. */
export interface ScriptLine {
  /** A line that begins with a colon can be gone to. */
  label: string | undefined
  /** Undefined for the last line if it goes on where nothing follows, which is an error. */
  command: string | undefined
}

/** What C's isspace() is true for; JavaScript's \s is true for more. */
const space = /[ \t\n\v\f\r]+/

/** The lines of a script, the one with its mark first. */
export function splitScript(script: string): ScriptLine[] {
  const lines: ScriptLine[] = []
  let begun: string | undefined
  for (const fragment of script.replace(/\n$/, '').split('\n')) {
    const line = ((begun ?? '') + fragment).replace(/\r$/, '')
    begun = line.endsWith('\\') ? line.slice(0, -1) : undefined
    if (begun !== undefined) continue
    const [, label, rest] = /^[ \t\v\f\r]*:([^ \t\v\f\r]*)(.*)$/s.exec(line) ?? []
    lines.push({ label, command: rest ?? line })
  }
  return begun === undefined ? lines : [...lines, { label: undefined, command: undefined }]
}

/** A command and what must have happened before it: `||` runs it after a failure, `&&` after a success. */
export interface LinkedCommand {
  after: 'always' | 'success' | 'failure'
  words: readonly string[]
}

const links: Readonly<Record<string, LinkedCommand['after']>> = { '||': 'failure', '&&': 'success', ';': 'always' }

/** The commands of a line. A word that begins with # starts a comment. A command without words (`imgfetch x ||`) succeeds. */
export function parseLine(line: string): LinkedCommand[] {
  const commands: LinkedCommand[] = []
  let words: string[] = []
  let after: LinkedCommand['after'] = 'always'
  for (const word of line.split(space).filter((one) => one !== '')) {
    if (word.startsWith('#')) break
    const link = links[word]
    if (link === undefined) {
      words.push(word)
    } else {
      commands.push({ after, words })
      after = link
      words = []
    }
  }
  return [...commands, { after, words }]
}

/**
 * Puts settings in, innermost first as iPXE does; one that is not set is empty. `${name:type}` is formatted as it stands.
 * @returns undefined for what is longer than `longest` meanwhile
 */
export function expandWord(
  word: string,
  settings: ReadonlyMap<string, string>,
  longest = Number.POSITIVE_INFINITY,
): string | undefined {
  let text = word
  // A value may hold a reference itself; one that refers to itself would never end.
  for (let round = 0; round < 32; round++) {
    const expanded = text.replace(/\$\{([^${}]*)\}/, (_, name: string) => settings.get(name.split(':')[0] ?? '') ?? '')
    if (expanded.length > longest) return undefined
    if (expanded === text) return text
    text = expanded
  }
  return text
}

/** All words of a command, expanded; undefined where they are longer than `longest` together. */
export function expandWords(
  words: readonly string[],
  settings: ReadonlyMap<string, string>,
  longest: number,
): string[] | undefined {
  const expanded: string[] = []
  let left = longest
  for (const word of words) {
    const text = expandWord(word, settings, left)
    if (text === undefined) return undefined
    left -= text.length
    expanded.push(text)
  }
  return expanded
}

/** The options before the first other word; those in `valued` take a value. */
export function splitOptions(
  given: readonly string[],
  valued: readonly string[],
): { options: Map<string, string>; rest: readonly string[] } {
  const options = new Map<string, string>()
  let at = 0
  for (; at < given.length && /^--?[a-z]/.test(given[at] ?? ''); at++) {
    const [name = '', inline] = (given[at] ?? '').split('=')
    options.set(name, inline ?? (valued.includes(name) ? (given[++at] ?? '') : ''))
  }
  return { options, rest: given.slice(at) }
}
