// URLs as they may be shown.

/** A URL, as it was written but for its password. */
export function hidePassword(text: string): string {
  return text.replace(/^([^/]*\/\/[^/?#@:]*:)[^/?#]*@/, '$1***@')
}
