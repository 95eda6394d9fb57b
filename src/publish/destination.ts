// The destination of an image, as users write it.
import { fileURLToPath } from 'node:url'
import { hasControls } from '../text/plain-text.ts'
import { UsageError } from '../errors.ts'

/** A destination. sftp: paths start at the root, or at the home folder after `/~/`; s3: prefixes have no slash at either end. */
export type Destination =
  | { kind: 'folder'; path: string }
  | { kind: 'sftp'; user: string | undefined; host: string; port: number | undefined; path: string }
  | { kind: 's3'; bucket: string; prefix: string }

const forms = 'use a path, or a file:, sftp: or s3: URL'

type Refuse = (why: string, hint: string) => UsageError

/**
 * The destination that a path or a URL names; `label` names its source, for errors.
 * @throws UsageError if the text is neither, or is a file: URL of another computer
 */
export function parseDestination(text: string, label = '--destination'): Destination {
  const refuse: Refuse = (why, hint) => new UsageError(`${label} "${text}" ${why}`, { hint })
  if (text === '') throw refuse('is empty', forms)
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(text)?.[0].toLowerCase()
  switch (scheme) {
    case undefined:
      return { kind: 'folder', path: text }
    case 'file:':
      return { kind: 'folder', path: parseFileUrl(text, refuse) }
    case 'sftp:':
      return parseSftpUrl(text, refuse)
    case 's3:':
      return parseS3Url(text, refuse)
    default: {
      const hint = `${forms} (a path with a colon in its first part begins with ./)`
      throw refuse(`has an unknown scheme (${scheme})`, hint)
    }
  }
}

/** The folder of a `file:` URL. */
function parseFileUrl(text: string, refuse: Refuse): string {
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

function parseSftpUrl(text: string, refuse: Refuse): Destination {
  const hint = 'write it as sftp://user@host[:port]/path, or /~/path for a path in the home folder'
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.host === '') throw refuse('is not the URL of a folder', hint)
  if (url.password !== '') throw new UsageError('--destination has a password', { hint: `${hint}; log in with a key` })
  if (url.search !== '' || url.hash !== '') throw refuse('has a query or a fragment', hint)
  try {
    return {
      kind: 'sftp',
      user: url.username === '' ? undefined : decodeURIComponent(url.username),
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? undefined : Number(url.port),
      path: decodeURIComponent(url.pathname).replace(/(?<=.)\/+$/, '') || '/~',
    }
  } catch {
    throw refuse('has a % that does not begin an escape', hint)
  }
}

/** Parsed as the aws program does: the key is literal, including % and ?. */
function parseS3Url(text: string, refuse: Refuse): Destination {
  const hint = 'write it as s3://bucket or s3://bucket/prefix'
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]*)(.*)$/is.exec(text) ?? []
  if (bucket.includes('@'))
    throw new UsageError('--destination has a user', { hint: `${hint}; metalkit finds keys as the aws program does` })
  if (!/^[\w.-]{1,255}$/.test(bucket)) throw refuse('names no bucket', hint)
  const prefix = path.replaceAll(/^\/+|\/+$/g, '')
  if (prefix.split('/').some((part, at) => (part === '' && at > 0) || part === '.' || part === '..'))
    throw refuse('has an empty part, . or .. in its prefix', hint)
  if (hasControls(prefix)) throw refuse('has control characters in its prefix', hint)
  return { kind: 's3', bucket, prefix }
}
