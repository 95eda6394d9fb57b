// A line of an iPXE script: words separated by white space, no quoting; commands joined by `||` and `&&`.

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
  for (const word of line.split(/\s+/).filter((one) => one !== '')) {
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

/** Puts settings in, innermost first as iPXE does; one that is not set is empty. `${name:type}` is formatted as it stands. */
export function expandWord(word: string, settings: ReadonlyMap<string, string>): string {
  let text = word
  // A value may hold a reference itself; one that refers to itself would never end.
  for (let round = 0; round < 32; round++) {
    const expanded = text.replace(/\$\{([^${}]*)\}/, (_, name: string) => settings.get(name.split(':')[0] ?? '') ?? '')
    if (expanded === text) return text
    text = expanded
  }
  return text
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
