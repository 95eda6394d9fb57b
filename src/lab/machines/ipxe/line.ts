// The syntax of iPXE scripts (src/image/script.c, src/core/exec.c): words separated by white space, no quoting; commands joined
// by `||` and `&&`; a line that ends in a backslash continues on the next line.

/** A complete line. */
export interface ScriptLine {
  /** The name after a leading colon, the target of `goto`. */
  label: string | undefined
  /** Undefined if the last line of the script ends in a backslash, which is an error. */
  command: string | undefined
}

/** The characters of C's isspace(); JavaScript's \s matches more. */
const space = /[ \t\n\v\f\r]+/

/** Splits a script into lines; the first is the `#!ipxe` line. */
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

/** A command and its condition: `||` runs it after a failure, `&&` after a success. */
export interface LinkedCommand {
  after: 'always' | 'success' | 'failure'
  words: readonly string[]
}

const links: Readonly<Record<string, LinkedCommand['after']>> = { '||': 'failure', '&&': 'success', ';': 'always' }

/** Parses a line into commands. A word that begins with # starts a comment. An empty command (`imgfetch x ||`) succeeds. */
export function parseLine(line: string): LinkedCommand[] {
  const commands: LinkedCommand[] = []
  let words: string[] = []
  let after: LinkedCommand['after'] = 'always'
  for (const word of line.split(space).filter((part) => part !== '')) {
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
 * Expands settings, innermost first as iPXE does; an unset setting is empty. The type of `${name:type}` is ignored.
 * @returns undefined if the text grows longer than `maxLength` on the way
 */
export function expandWord(
  word: string,
  settings: ReadonlyMap<string, string>,
  maxLength = Number.POSITIVE_INFINITY,
): string | undefined {
  let text = word
  // A value may contain a reference; the limit ends the expansion of a value that refers to itself.
  for (let round = 0; round < 32; round++) {
    const expanded = text.replace(/\$\{([^${}]*)\}/, (_, name: string) => settings.get(name.split(':')[0] ?? '') ?? '')
    if (expanded.length > maxLength) return undefined
    if (expanded === text) return text
    text = expanded
  }
  return text
}

/** Expands all words of a command; undefined if they are longer than `maxLength` together. */
export function expandWords(
  words: readonly string[],
  settings: ReadonlyMap<string, string>,
  maxLength: number,
): string[] | undefined {
  const expanded: string[] = []
  let left = maxLength
  for (const word of words) {
    const text = expandWord(word, settings, left)
    if (text === undefined) return undefined
    left -= text.length
    expanded.push(text)
  }
  return expanded
}

/** Splits a command's options from its other words; the options in `valued` take a value. */
export function splitOptions(
  words: readonly string[],
  valued: readonly string[],
): { options: Map<string, string>; rest: readonly string[] } {
  const options = new Map<string, string>()
  let at = 0
  for (; at < words.length && /^--?[a-z]/.test(words[at] ?? ''); at++) {
    const [name = '', inline] = (words[at] ?? '').split('=')
    options.set(name, inline ?? (valued.includes(name) ? (words[++at] ?? '') : ''))
  }
  return { options, rest: words.slice(at) }
}
