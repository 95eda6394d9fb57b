// Quotes words for a shell, for command lines that people paste and scripts evaluate.

/** Quotes a value for a POSIX shell, always, so that every line of a script has the same form. */
export function quoteValue(value: string): string {
  return `'${value.replaceAll("'", String.raw`'\''`)}'`
}

/** Quotes a word for a POSIX shell, if it needs quotes; `~/` at its start still means the home folder. */
export function quoteWord(word: string): string {
  return /^(?:~\/)?[\w@%+=:,./-]+$/.test(word) ? word : quoteValue(word)
}
