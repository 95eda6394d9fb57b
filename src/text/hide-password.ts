// URLs that are safe to show.

/** A URL as written, except for its password. */
export function hidePassword(text: string): string {
  return text.replace(/^([^/]*\/\/[^/?#@:]*:)[^/?#]*@/, '$1***@')
}
