// Requests as firmware and iPXE send them.
import { type DhcpPacket, options, parseDhcp, writeDhcp } from '../../../src/rack/netboot/dhcp-packet.ts'

/** A machine of the tests. */
export const mac = '52:54:00:aa:00:01'

/** Its UUID as option 97 has it. */
export const uuid = Buffer.from('0001020304050607080910111213141516', 'hex')

/** The fields that differ between requests. */
interface Request {
  type?: number
  mac?: string
  xid?: number
  /** Option 60, before its architecture. */
  vendor?: 'PXEClient' | 'HTTPClient'
  arch?: number
  /** Further options. */
  more?: [number, Buffer][]
  giaddr?: string
  ciaddr?: string
}

/** The bytes of a request. */
export function requestBytes({ type = 1, xid = 0x1234, vendor, arch = 0, more = [], ...rest }: Request = {}): Buffer {
  const vendorClass = `${vendor}:Arch:${String(arch).padStart(5, '0')}:UNDI:002001`
  return writeDhcp({
    isRequest: true,
    type,
    xid,
    mac,
    flags: 0x8000,
    options: [
      ...(vendor === undefined
        ? []
        : ([
            [options.vendorClass, Buffer.from(vendorClass)],
            [options.architecture, Buffer.of(arch >> 8, arch & 255)],
            [94, Buffer.of(1, 2, 1)],
            [options.uuid, uuid],
          ] as const)),
      ...more,
    ],
    ...rest,
  })
}

/** The same, parsed. */
export function request(parts: Request = {}): DhcpPacket {
  return parse(requestBytes(parts))
}

/** Parses a valid packet. */
export function parse(bytes: Buffer): DhcpPacket {
  const packet = parseDhcp(bytes)
  if (packet === undefined) throw new Error(`not a DHCP packet: ${bytes.toString('hex')}`)
  return packet
}

/** The options that iPXE adds. */
export const ipxeOptions: [number, Buffer][] = [
  [options.userClass, Buffer.from('iPXE')],
  [options.ipxe, Buffer.from('b1050180861000eb03010000', 'hex')],
]
