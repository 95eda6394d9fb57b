// Where an image is pushed to, as people write it.
import { fileURLToPath } from 'node:url'
import { UsageError } from '../errors.ts'

/**
 * The folder that a path or a `file:` URL names.
 * @throws UsageError for other schemes, other computers and what is no URL of a file
 */
export function parseDestination(text: string): string {
  const refuse = (why: string, hint: string) => new UsageError(`--destination "${text}" ${why}`, { hint })
  if (text === '') throw refuse('is empty', 'give a path or a file: URL')
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(text)?.[0].toLowerCase()
  if (scheme === undefined) return text
  if (scheme !== 'file:') {
    const hint = 'give a path or a file: URL (a path with a colon in its first part begins with ./)'
    throw refuse(`has a scheme that is not known (${scheme})`, hint)
  }
  const hint = 'write it as file:///path/to/folder'
  if (!/^file:\//i.test(text) || !URL.canParse(text)) throw refuse('is not the URL of a folder', hint)
  const url = new URL(text)
  if (url.host !== '') throw refuse(`is on another computer ("${url.host}")`, hint)
  if (url.search !== '' || url.hash !== '')
    throw refuse('has a query or a fragment', `${hint}, with %3F for ? and %23 for #`)
  try {
    return fileURLToPath(url)
  } catch {
    throw refuse('is not the URL of a folder', hint)
  }
}
