// Isolated machines, which reach only the lab and the server of their own boot files. QEMU's network is closed (restrict) except for
// some ports of the address at which machines reach this computer; a machine's boot script refers to its files at that address.
import { formatAddress } from '../../../address.ts'
import { download, keptBytes } from '../ipxe/download.ts'
import type { Passage } from '../driver.ts'

/** The address of this computer's loopback in QEMU's user network. */
export const qemuHost = '10.0.2.2'

/** The URL of a device's boot script, if it has one. */
interface Script {
  ipxeScriptUrl: string | null
}

const scriptTimeoutMs = 30_000

/** Maps the URL of a file that a machine fetched to a URL that this computer can use; undefined unless it is on the boot script's server. */
export function urlBesideScript(device: Script, url: string): string | undefined {
  const origin = originOf(device)
  const [, text, hostname, path] = /^(http:\/\/([^/:]+)[^/]*)(\/.*)$/i.exec(url) ?? []
  if (origin === undefined || text === undefined || path === undefined) return undefined
  // An isolated machine reaches the server by another address.
  const isThere = text === origin.text || (hostname === qemuHost && new URL(text).port === String(origin.port))
  return isThere ? `http://${formatAddress(origin)}${path}` : undefined
}

/** The origin of the boot script's files, from the script's URL; undefined if that is not plain HTTP. */
function originOf({ ipxeScriptUrl }: Script): { text: string; host: string; port: number } | undefined {
  const text = /^http:\/\/[^/?#]+/i.exec(ipxeScriptUrl ?? '')?.[0]
  if (text === undefined || !URL.canParse(text)) return undefined
  const { hostname, port } = new URL(text)
  // The host becomes part of QEMU's command line.
  if (!/^[\w.-]+$|^\[[\da-f:.]+\]$/i.test(hostname)) return undefined
  const host = hostname === qemuHost ? '127.0.0.1' : hostname.replace(/^\[|\]$/g, '')
  return { text, host, port: port === '' ? 80 : Number(port) }
}

/** The passages of a device's machine: to the lab at its own port, and to the server of the boot files. */
export function passagesOf(device: Script, lab: { host: string; port: number }): Passage[] {
  const origin = originOf(device)
  const own = { guestPort: lab.port, ...lab }
  if (origin === undefined || (origin.host === lab.host && origin.port === lab.port)) return [own]
  const guestPort = origin.port === lab.port ? origin.port + 1 : origin.port
  return [own, { guestPort, host: origin.host, port: origin.port }]
}

/** Fetches a device's boot script as iPXE would, and rewrites the URLs of its files to ones that the machine can reach. */
export async function fetchScript(
  device: Script,
  lab: { host: string; port: number },
): Promise<{ text: string } | { error: string }> {
  const origin = originOf(device)
  const passage = passagesOf(device, lab).at(-1)
  const url = device.ipxeScriptUrl ?? ''
  if (origin === undefined || passage === undefined) return { error: `"${url}" is not an http URL` }
  // The URL may use the machine's address for this computer.
  const here = url.replace(origin.text, `http://${formatAddress(origin)}`)
  const isThere = (location: string) => (new URL(location).origin === new URL(here).origin ? location : undefined)
  const fetched = await download(here, AbortSignal.timeout(scriptTimeoutMs), undefined, isThere)
  if ('error' in fetched) return fetched
  if (fetched.sizeBytes > keptBytes) return { error: 'the script is too long' }
  return { text: fetched.head.toString('utf8').replaceAll(origin.text, `http://${qemuHost}:${passage.guestPort}`) }
}
