// DHCP packets (RFC 2131, 2132, 3396) as bytes. Anyone on the network can send them, so their content is not trusted: a malformed
// packet is ignored.

/** DHCP message types that network boot uses (option 53). */
export const messageTypes = { discover: 1, offer: 2, request: 3, ack: 5, inform: 8 } as const

/** The options that network boot uses. */
export const options = {
  vendor: 43,
  overload: 52,
  messageType: 53,
  server: 54,
  vendorClass: 60,
  tftpServer: 66,
  bootFile: 67,
  userClass: 77,
  architecture: 93,
  uuid: 97,
  ipxe: 175,
} as const

/** A request or a reply. Addresses are dotted, `0.0.0.0` if absent; the MAC is lower case with colons. */
export interface DhcpPacket {
  /** True for a message to a server. */
  isRequest: boolean
  type: number
  xid: number
  secs: number
  flags: number
  ciaddr: string
  yiaddr: string
  siaddr: string
  giaddr: string
  mac: string
  /** The boot file of the header, if option 52 does not use the field for options. */
  file: string
  options: ReadonlyMap<number, Buffer>
}

const headBytes = 240
const magic = 0x63825363
const noAddress = '0.0.0.0'
/** BOOTP's smallest packet: some ROMs drop shorter ones. */
const minBytes = 300
/** A DHCP message must fit an Ethernet frame. */
const maxBytes = 1500

const field = { sname: [44, 108], file: [108, 236] } as const

/** Reads options into lists. @returns false if an option extends past the end */
function readOptions(bytes: Buffer, into: Map<number, Buffer[]>): boolean {
  for (let at = 0; at < bytes.length;) {
    const code = bytes[at] ?? 255
    if (code === 255) return true
    if (code === 0) {
      at++
      continue
    }
    const length = bytes[at + 1]
    if (length === undefined || at + 2 + length > bytes.length) return false
    const parts = into.get(code) ?? []
    into.set(code, parts)
    parts.push(bytes.subarray(at + 2, at + 2 + length))
    at += 2 + length
  }
  return true
}

/** Options of the packet, and of the header's fields that option 52 names. Fields do not name further ones, so there is no loop. */
function readAllOptions(bytes: Buffer): Map<number, Buffer> | undefined {
  const lists = new Map<number, Buffer[]>()
  if (!readOptions(bytes.subarray(headBytes), lists)) return undefined
  const overload = lists.get(options.overload)?.[0]?.[0] ?? 0
  if (overload > 3) return undefined
  if ((overload & 1) !== 0 && !readOptions(bytes.subarray(...field.file), lists)) return undefined
  if ((overload & 2) !== 0 && !readOptions(bytes.subarray(...field.sname), lists)) return undefined
  // A repeated option continues the earlier one (RFC 3396).
  return new Map([...lists].map(([code, parts]) => [code, Buffer.concat(parts)]))
}

/** The text up to the first character that is not printable ASCII: a terminator, or garbage after it. */
export function plainPart(bytes: Buffer): string {
  const end = bytes.findIndex((byte) => byte < 0x20 || byte > 0x7e)
  return bytes.toString('latin1', 0, end === -1 ? bytes.length : end)
}

/** Formats a MAC address from six bytes. */
export function formatMac(bytes: Buffer): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/** Four bytes as a dotted address. */
export function formatIp(bytes: Buffer): string {
  return [...bytes].join('.')
}

/** A dotted address as four bytes. */
export function ipBytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number))
}

/** Parses a packet. @returns undefined if it is not a well-formed DHCP packet with an Ethernet address */
export function parseDhcp(bytes: Buffer): DhcpPacket | undefined {
  if (bytes.length < headBytes || bytes.length > maxBytes || bytes.readUInt32BE(236) !== magic) return undefined
  const [op, hardware, macBytes] = bytes
  if ((op !== 1 && op !== 2) || hardware !== 1 || macBytes !== 6) return undefined
  const all = readAllOptions(bytes)
  const type = all?.get(options.messageType)
  if (all === undefined || type?.length !== 1) return undefined
  const overload = all.get(options.overload)?.[0] ?? 0
  return {
    isRequest: op === 1,
    type: type.readUInt8(0),
    xid: bytes.readUInt32BE(4),
    secs: bytes.readUInt16BE(8),
    flags: bytes.readUInt16BE(10),
    ciaddr: formatIp(bytes.subarray(12, 16)),
    yiaddr: formatIp(bytes.subarray(16, 20)),
    siaddr: formatIp(bytes.subarray(20, 24)),
    giaddr: formatIp(bytes.subarray(24, 28)),
    mac: formatMac(bytes.subarray(28, 34)),
    file: (overload & 1) === 0 ? plainPart(bytes.subarray(...field.file)) : '',
    options: all,
  }
}

/** The parts of a packet to write; absent fields are zero. */
export interface DhcpParts extends Partial<Omit<DhcpPacket, 'options' | 'isRequest'>> {
  isRequest: boolean
  type: number
  xid: number
  mac: string
  /** The name of the server in the header, which some ROMs read in place of siaddr. */
  serverName?: string
  options: readonly (readonly [code: number, value: Buffer])[]
}

/** The longest value of an option. */
export const maxOptionBytes = 255

/** Writes a packet. A boot file that is too long for the header is only in the options. */
export function writeDhcp(parts: DhcpParts): Buffer {
  const head = Buffer.alloc(headBytes)
  head.set([parts.isRequest ? 1 : 2, 1, 6, 0])
  head.writeUInt32BE(parts.xid, 4)
  head.writeUInt16BE(parts.secs ?? 0, 8)
  head.writeUInt16BE(parts.flags ?? 0, 10)
  head.set(ipBytes(parts.ciaddr ?? noAddress), 12)
  head.set(ipBytes(parts.yiaddr ?? noAddress), 16)
  head.set(ipBytes(parts.siaddr ?? noAddress), 20)
  head.set(ipBytes(parts.giaddr ?? noAddress), 24)
  head.set(Buffer.from(parts.mac.replaceAll(':', ''), 'hex'), 28)
  head.write(parts.serverName ?? '', field.sname[0], 63, 'latin1')
  const file = parts.file ?? ''
  if (file.length < field.file[1] - field.file[0]) head.write(file, field.file[0], 'latin1')
  head.writeUInt32BE(magic, 236)
  const all: (readonly [number, Buffer])[] = [[options.messageType, Buffer.of(parts.type)], ...parts.options]
  const written = all.map(([code, value]) => Buffer.concat([Buffer.of(code, value.length), value]))
  const packet = Buffer.concat([head, ...written, Buffer.of(255)])
  return Buffer.concat([packet, Buffer.alloc(Math.max(0, minBytes - packet.length))])
}
