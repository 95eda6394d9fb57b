// The value of --tunnel: the user's own server, or the ngrok agent on this computer.
import { type Address, readListenAddress } from '../address.ts'
import { UsageError } from '../errors.ts'

/** A way to reach this computer from outside. */
export type TunnelTarget =
  | {
      kind: 'ssh'
      user: string | undefined
      host: string
      port: number | undefined
      bind: Address
    }
  | { kind: 'ngrok'; apiPort: number }

const ngrokPort = 4040

/** Reads `ssh://user@host[:port][?bind=[host:]port]`, `ngrok` or `ngrok:port`. @throws UsageError */
export function parseTunnel(text: string): TunnelTarget {
  const hint =
    'write it as ssh://user@host[:port], with ?bind=[host:]port at its end to choose where it listens, or ngrok'
  const refuse = (why: string) => new UsageError(`--tunnel "${text}" ${why}`, { hint })
  const ngrok = /^ngrok(?::(\d{1,5}))?$/.exec(text)
  if (ngrok !== null) return { kind: 'ngrok', apiPort: checkPort(Number(ngrok[1] ?? ngrokPort), refuse) }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'ssh:' || url.hostname === '') throw refuse('is an unknown kind of tunnel')
  if (url.password !== '') throw new UsageError('--tunnel has a password', { hint: `${hint}; log in with a key` })
  if (!['', '/'].includes(url.pathname) || url.hash !== '') throw refuse('has a path')
  const unknown = [...url.searchParams.keys()].find((key) => key !== 'bind')
  if (unknown !== undefined) throw refuse(`has an unknown setting (${unknown})`)
  const bind = readListenAddress(url.searchParams.get('bind') ?? '0')
  if (bind === undefined) throw refuse('has a bind that is not a port')
  return {
    kind: 'ssh',
    user: url.username === '' ? undefined : decodeURIComponent(url.username),
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? undefined : Number(url.port),
    bind: { host: bind.host, port: checkPort(bind.port, refuse) },
  }
}

function checkPort(port: number, refuse: (why: string) => UsageError): number {
  if (port > 65_535) throw refuse('has no valid port')
  return port
}
