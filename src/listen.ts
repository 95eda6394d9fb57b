// Listens on an address, and lists the URLs at which it can be reached.
import type { Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type Address, formatAddress } from './address.ts'
import { type LabError, ServeError } from './errors.ts'
import { describeCondition, errorCode } from './text/system-error.ts'
import { openFilesHint } from './files/open-files.ts'

/** How a failed bind is reported: the error class, and the flag that chooses another address. */
interface Telling {
  Failure?: typeof ServeError | typeof LabError
  flag?: string
}

/** Explains a failed bind. */
function describeFailure(address: Address, cause: unknown, { Failure = ServeError, flag }: Telling): Error {
  const another = flag === undefined ? 'another' : `another with ${flag}`
  const shown = `"${formatAddress(address)}"`
  const code = errorCode(cause) ?? String(cause)
  const other = formatAddress({ host: address.host, port: address.port < 65535 ? address.port + 1 : 8080 })
  switch (code) {
    case 'EADDRINUSE':
      return new Failure(`cannot listen on ${shown}: port ${address.port} is taken by another program`, {
        hint: `choose ${another}, such as ${other}, or stop that program (ss -ltnp "sport = :${address.port}" names it)`,
        cause,
      })
    case 'EACCES':
      return new Failure(`cannot listen on ${shown}: this user is not allowed to use port ${address.port}`, {
        hint: `choose port 1024 or higher, such as ${formatAddress({ host: address.host, port: 8080 })}`,
        cause,
      })
    case 'EADDRNOTAVAIL':
      return new Failure(`cannot listen on ${shown}: "${address.host}" is not an address of this computer`, {
        hint: `use an address of this computer, or :${address.port} for all of them`,
        cause,
      })
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NODATA':
    case 'EAI_NONAME':
      return new Failure(`cannot listen on ${shown}: the host "${address.host}" does not resolve`, {
        hint: `use an address of this computer, or :${address.port} for all of them`,
        cause,
      })
    case 'EMFILE':
    case 'ENFILE':
      return new Failure(`cannot listen on ${shown}: ${describeCondition(cause)}`, { hint: openFilesHint, cause })
    default:
      return new Failure(`cannot listen on ${shown}: ${describeCondition(cause)}`, {
        hint: `try another, such as ${other}`,
        cause,
      })
  }
}

/** Makes a server listen. @returns the bound address @throws an error of the given class that says why it cannot */
export async function listen(server: Server, address: Address, telling: Telling = {}): Promise<Address> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // Without a host, Node listens on :: for both IP versions, or on 0.0.0.0 if there is no IPv6.
      server.listen({ port: address.port, ...(address.host === '' ? {} : { host: address.host }) }, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    throw describeFailure(address, error, telling)
  }
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error(`listening on ${String(bound)}`)
  return { host: bound.address, port: bound.port }
}

/** The URL at which a client on this computer reaches the address. */
export function localUrl({ host, port }: Address, tls = false): string {
  return `${tls ? 'https' : 'http'}://${formatAddress({ host: host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host, port })}`
}

/** The URLs at which other computers may reach the server: one per address of this computer if it listens on all of them. */
export function outsideUrls({ host, port }: Address, tls = false, interfaces = networkInterfaces()): string[] {
  if (host !== '0.0.0.0' && host !== '::') return []
  const addresses = Object.values(interfaces).flatMap((list) => list ?? [])
  return addresses
    .filter(({ internal, family, scopeid }) => !internal && (family === 'IPv4' || (host === '::' && scopeid === 0)))
    .map(({ address }) => `${tls ? 'https' : 'http'}://${formatAddress({ host: address, port })}`)
}
