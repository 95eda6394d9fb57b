// Machines that reach nothing but the lab and the place of their own boot files. QEMU's network is closed (restrict) but for ports
// of the address at which machines know this computer; the boot script that they get names its files there.
import { formatAddress } from '../../../address.ts'
import { download, keptBytes } from '../ipxe/download.ts'
import type { Passage } from '../driver.ts'

/** This computer's loopback as QEMU's user network shows it to machines. */
export const qemuHost = '10.0.2.2'

/** Where a device's boot script is, if a URL names it. */
interface Script {
  ipxeScriptUrl: string | null
}

const scriptTimeoutMs = 30_000

/** A local URL for a file beside the boot script that a machine fetched; undefined for a file anywhere else. */
export function urlBesideScript(device: Script, url: string): string | undefined {
  const origin = originOf(device)
  const [, text, hostname, path] = /^(http:\/\/([^/:]+)[^/]*)(\/.*)$/i.exec(url) ?? []
  if (origin === undefined || text === undefined || path === undefined) return undefined
  // An isolated machine knows the place by another name.
  const isThere = text === origin.text || (hostname === qemuHost && new URL(text).port === String(origin.port))
  return isThere ? `http://${formatAddress(origin)}${path}` : undefined
}

/** Where the boot script's files are, as its URL has it; undefined where that is no plain HTTP. */
function originOf({ ipxeScriptUrl }: Script): { text: string; host: string; port: number } | undefined {
  const text = /^http:\/\/[^/?#]+/i.exec(ipxeScriptUrl ?? '')?.[0]
  if (text === undefined || !URL.canParse(text)) return undefined
  const { hostname, port } = new URL(text)
  // It becomes part of QEMU's command line.
  if (!/^[\w.-]+$|^\[[\da-f:.]+\]$/i.test(hostname)) return undefined
  const host = hostname === qemuHost ? '127.0.0.1' : hostname.replace(/^\[|\]$/g, '')
  return { text, host, port: port === '' ? 80 : Number(port) }
}

/** The passages of a device's machine: to the lab at its own port, and to the place of its boot files. */
export function passagesOf(device: Script, lab: { host: string; port: number }): Passage[] {
  const origin = originOf(device)
  const own = { guestPort: lab.port, ...lab }
  if (origin === undefined || (origin.host === lab.host && origin.port === lab.port)) return [own]
  const guestPort = origin.port === lab.port ? origin.port + 1 : origin.port
  return [own, { guestPort, host: origin.host, port: origin.port }]
}

/** A device's boot script, with its files where the machine reaches them. Fetched as iPXE would. */
export async function fetchScript(
  device: Script,
  lab: { host: string; port: number },
): Promise<{ text: string } | { error: string }> {
  const origin = originOf(device)
  const passage = passagesOf(device, lab).at(-1)
  const url = device.ipxeScriptUrl ?? ''
  if (origin === undefined || passage === undefined) return { error: `"${url}" is not an http URL` }
  // By the machine's name for this computer, too.
  const here = url.replace(origin.text, `http://${formatAddress(origin)}`)
  const isThere = (location: string) => (new URL(location).origin === new URL(here).origin ? location : undefined)
  const fetched = await download(here, AbortSignal.timeout(scriptTimeoutMs), undefined, isThere)
  if ('error' in fetched) return fetched
  if (fetched.sizeBytes > keptBytes) return { error: 'the script is too long' }
  return { text: fetched.head.toString('utf8').replaceAll(origin.text, `http://${qemuHost}:${passage.guestPort}`) }
}
