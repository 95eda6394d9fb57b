// Decides the answer to a machine that boots from the network: pure data in, a packet out.
import { type BinaryKind, binaryNames, type BootClient } from './boot-client.ts'
import { type DhcpPacket, ipBytes, messageTypes, options, writeDhcp } from './dhcp-packet.ts'

/** The data for answers. */
export interface AnswerSource {
  /** The address that answers. */
  address: string
  /** The builds of iPXE that are available. */
  binaries: ReadonlySet<BinaryKind>
  /** Where UEFI HTTP Boot fetches them, with a slash at the end. */
  filesUrl?: string | undefined
}

/** The file for a client to load, or why there is none. */
export type BootFile = { file: string } | { problem: string }

/** The folder of a machine among the served files. */
export function folderOfMac(mac: string): string {
  return mac.replaceAll(':', '-')
}

/** Chooses the file for a client: iPXE gets the machine's script, a firmware gets iPXE. */
export function chooseFile(client: BootClient, mac: string, script: string, source: AnswerSource): BootFile {
  if (client.stage === 'ipxe') return { file: script }
  const { binary, name } = client
  if (binary === undefined) return { problem: `there is no iPXE for ${name}` }
  if (!source.binaries.has(binary))
    return { problem: `no iPXE for ${name} was found: name one under ipxe in the rack file` }
  const path = `${folderOfMac(mac)}/${binaryNames[binary]}`
  if (client.stage === 'pxe') return { file: path }
  if (source.filesUrl === undefined) return { problem: 'UEFI HTTP Boot needs an address from which files are served' }
  return { file: source.filesUrl + path }
}

/** PXE's own options (option 43): take the boot file of this packet, and ask no boot server. */
const takeThisFile = Buffer.of(6, 1, 8, 255)

const bootItem = 71

/** The boot item in a request (PXE 2.1, 2.2.5), which the answer must repeat. */
function bootItemOf(request: DhcpPacket): Buffer | undefined {
  const bytes = request.options.get(options.vendor) ?? Buffer.alloc(0)
  for (let at = 0; at + 1 < bytes.length && bytes[at] !== 255;) {
    const [code, length = 0] = bytes.subarray(at, at + 2)
    if (code === 0) {
      at++
      continue
    }
    if (code === bootItem && length === 4 && at + 6 <= bytes.length) return bytes.subarray(at, at + 6)
    at += 2 + length
  }
  return undefined
}

/** PXE's options for the client; undefined for UEFI, which would not ask port 4011 if it received any. */
function vendorOptions(request: DhcpPacket, client: BootClient): Buffer | undefined {
  const item = bootItemOf(request)
  if (item !== undefined) return Buffer.concat([item, Buffer.of(255)])
  return client.isUefi && client.stage !== 'ipxe' ? undefined : takeThisFile
}

/** The answer to a request: an offer on port 67, an acknowledgement on port 4011. It assigns no address. */
export function writeAnswer(request: DhcpPacket, client: BootClient, file: string, address: string): Buffer {
  const uuid = request.options.get(options.uuid)
  const vendor = vendorOptions(request, client)
  return writeDhcp({
    isRequest: false,
    type: request.type === messageTypes.discover ? messageTypes.offer : messageTypes.ack,
    xid: request.xid,
    flags: request.flags,
    ciaddr: request.ciaddr,
    // iPXE accepts a boot file only from an answer with this option (dhcp_has_pxeopts).
    siaddr: address,
    giaddr: request.giaddr,
    mac: request.mac,
    serverName: address,
    file,
    options: [
      [options.server, ipBytes(address)],
      [options.vendorClass, Buffer.from(client.stage === 'http' ? 'HTTPClient' : 'PXEClient')],
      ...(vendor === undefined ? [] : [[options.vendor, vendor] as const]),
      ...(uuid?.length === 17 ? [[options.uuid, uuid] as const] : []),
      [options.bootFile, Buffer.from(file, 'latin1')],
    ],
  })
}

/** The destination of the answer to a broadcast: a relay, which passes it on, or the machine's address if it has one. */
export function destinationOf(request: DhcpPacket): { host: string; port: number } {
  if (isHost(request.giaddr)) return { host: request.giaddr, port: 67 }
  if (isHost(request.ciaddr)) return { host: request.ciaddr, port: 68 }
  // The machine has no address yet, so only a broadcast reaches it, with or without its broadcast flag.
  return { host: '255.255.255.255', port: 68 }
}

/** True for the address of one computer, not this one: neither absent, loopback, multicast nor broadcast. */
function isHost(address: string): boolean {
  const first = Number(address.split('.')[0])
  return first > 0 && first < 224 && first !== 127
}
