// A word as a shell reads it, for command lines that people are told to paste.

/** Quotes a word for a POSIX shell, if it needs quotes; `~/` at its start still means the home folder. */
export function quoteWord(word: string): string {
  return /^(?:~\/)?[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
