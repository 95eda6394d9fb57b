// Finds the DHCP and ProxyDHCP servers of a network, by requesting an offer that is never accepted.
import { randomInt } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { RackError } from '../../errors.ts'
import { everyone } from './dhcp-ports.ts'
import { type DhcpPacket, formatIp, messageTypes, options, parseDhcp, plainPart, writeDhcp } from './dhcp-packet.ts'
import { closeUdp, openUdp, type Ports, sendUdp, standardPorts } from './udp.ts'

/** A server that answered. */
export interface HeardServer {
  address: string
  /** The address that it offered; absent if it offers none, as a ProxyDHCP server does. */
  offered?: string
  /** It names a boot file or a boot server, which machines may prefer. */
  bootFile?: string
  /** The server that machines are to load from. */
  bootServer?: string
  /** It says that it is a PXE server (option 60). */
  isPxe: boolean
}

function readOffer(packet: DhcpPacket): HeardServer {
  const server = packet.options.get(options.server)
  const file = plainPart(packet.options.get(options.bootFile) ?? Buffer.alloc(0)) || packet.file
  const next =
    packet.siaddr === '0.0.0.0' ? plainPart(packet.options.get(options.tftpServer) ?? Buffer.alloc(0)) : packet.siaddr
  const address = server?.length === 4 ? formatIp(server) : packet.siaddr
  return {
    address,
    ...(packet.yiaddr === '0.0.0.0' ? {} : { offered: packet.yiaddr }),
    ...(file === '' ? {} : { bootFile: file }),
    ...(next === '' || next === address ? {} : { bootServer: next }),
    isPxe: packet.options.get(options.vendorClass)?.toString('latin1').startsWith('PXEClient') === true,
  }
}

/** Descriptions of the servers of a network and their problems, one line each. */
export function describeServers(servers: readonly HeardServer[], own: string): string[] {
  const lines: string[] = []
  if (!servers.some(({ offered }) => offered !== undefined)) {
    lines.push('no DHCP server answered: machines get no address, and cannot boot from the network')
  }
  for (const { address, offered, bootFile, bootServer, isPxe } of servers) {
    const what = offered === undefined ? 'ProxyDHCP server' : 'DHCP server'
    if (address === own && offered === undefined) continue
    const rest = [
      ...(bootFile === undefined
        ? []
        : [
            `it names the boot file "${bootFile}"${bootServer === undefined ? '' : ` on ${bootServer}`}, which machines may load in place of this rack's`,
          ]),
      ...(isPxe && offered !== undefined
        ? [
            'it claims to be a PXE server (option 60): ROMs ask it on port 4011 and fail with PXE-E55; remove the option',
          ]
        : []),
      ...(offered === undefined ? ['two ProxyDHCP servers compete for machines: switch one off'] : []),
    ]
    lines.push(`${what} ${address}${rest.length === 0 ? '' : `: ${rest.join('; ')}`}`)
  }
  return lines
}

/** The options of the search. */
export interface HearOptions {
  /** This computer's address on the network of the machines. */
  address: string
  waitMs?: number
  signal?: AbortSignal
  ports?: Ports
}

/** The MAC of the interface with an address: a DHCP server that answers only known MACs knows this one. */
function macOfInterface(address: string): string {
  const entry = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find((candidate) => candidate.address === address)
  if (entry === undefined) throw new RackError(`"${address}" is not an address of this computer`)
  return entry.mac
}

/** Sends the request of a machine that boots from the network, and collects the offers. @throws RackError if a port is not available */
export async function hearDhcpServers({
  address,
  waitMs = 3000,
  signal,
  ports = standardPorts,
}: HearOptions): Promise<HeardServer[]> {
  const mac = macOfInterface(address)
  const xid = randomInt(1, 2 ** 32)
  const heard = new Map<string, HeardServer>()
  const use = 'DHCP answers'
  const listener = await openUdp({ host: everyone, port: ports.dhcpClient, use, share: true })
  try {
    listener.on('message', (bytes) => {
      const packet = parseDhcp(bytes)
      if (packet?.isRequest !== false || packet.xid !== xid || packet.type !== messageTypes.offer) return
      const server = readOffer(packet)
      heard.set(`${server.address} ${server.offered === undefined}`, server)
    })
    const sender = await openUdp({ host: address, port: ports.dhcpClient, use, share: true })
    sender.setBroadcast(true)
    const discover = writeDhcp({
      isRequest: true,
      type: messageTypes.discover,
      xid,
      // The answer must be a broadcast: the offered address is not this computer's.
      flags: 0x8000,
      mac,
      options: [
        [options.vendorClass, Buffer.from('PXEClient:Arch:00007:UNDI:003016')],
        [options.architecture, Buffer.of(0, 7)],
        [55, Buffer.of(1, 3, 6, options.vendor, options.vendorClass, options.tftpServer, options.bootFile)],
      ],
    })
    try {
      await sendUdp(sender, discover, ports.dhcp, everyone)
      await sleep(waitMs, undefined, signal === undefined ? {} : { signal })
    } finally {
      await closeUdp(sender)
    }
  } finally {
    await closeUdp(listener)
  }
  return [...heard.values()]
}
