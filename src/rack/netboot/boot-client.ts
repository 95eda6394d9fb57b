// Recognizes the sender of a DHCP request: the network boot of a firmware, iPXE, or a system that only wants an address.
import { type DhcpPacket, options } from './dhcp-packet.ts'

/** A build of iPXE, by the firmware that it runs on: the keys of `ipxe` in the rack's file. */
export type BinaryKind = 'bios' | 'uefi' | 'uefiArm64'

/** Every build. */
export const binaryKinds: readonly BinaryKind[] = ['bios', 'uefi', 'uefiArm64']

/** The name under which each is served: short, since old ROMs cut long ones. */
export const binaryNames: Readonly<Record<BinaryKind, string>> = {
  bios: 'undionly.kpxe',
  uefi: 'snponly.efi',
  uefiArm64: 'snponly-arm64.efi',
}

/** Processor architecture types (option 93, RFC 5970 and IANA's list). 7 and 9 changed places once; both are x86_64. */
const architectures: ReadonlyMap<number, { name: string; binary?: BinaryKind }> = new Map([
  [0, { name: 'BIOS', binary: 'bios' }],
  [6, { name: '32-bit UEFI' }],
  [7, { name: 'UEFI x86_64', binary: 'uefi' }],
  [9, { name: 'UEFI x86_64', binary: 'uefi' }],
  [10, { name: '32-bit ARM UEFI' }],
  [11, { name: 'UEFI arm64', binary: 'uefiArm64' }],
  [15, { name: '32-bit UEFI' }],
  [16, { name: 'UEFI x86_64', binary: 'uefi' }],
  [18, { name: '32-bit ARM UEFI' }],
  [19, { name: 'UEFI arm64', binary: 'uefiArm64' }],
] as const)

/** The sender of a request. `pxe` and `http` are a firmware's own network boot, `system` is any other sender. */
export interface BootClient {
  stage: 'pxe' | 'http' | 'ipxe' | 'system'
  /** For people: `UEFI x86_64`. */
  name: string
  /** The iPXE build for the client; absent if there is none, or if the client needs none. */
  binary?: BinaryKind
  isUefi: boolean
}

/** The types in option 93, or else in the vendor class; old BIOS ROMs send neither. */
function architecturesOf(packet: DhcpPacket, vendorClass: string): number[] {
  const list = packet.options.get(options.architecture)
  if (list !== undefined && list.length >= 2) {
    return Array.from({ length: Math.floor(list.length / 2) }, (_, index) => list.readUInt16BE(2 * index))
  }
  const [, number] = /^(?:PXE|HTTP)Client:Arch:(\d{5})/.exec(vendorClass) ?? []
  return [number === undefined ? 0 : Number(number)]
}

/** Recognizes the sender of a request. */
export function recognizeClient(packet: DhcpPacket): BootClient {
  const vendorClass = packet.options.get(options.vendorClass)?.toString('latin1') ?? ''
  const [, kind] = /^(PXE|HTTP)Client/.exec(vendorClass) ?? []
  if (kind === undefined) return { stage: 'system', name: 'a system', isUefi: false }
  const types = architecturesOf(packet, vendorClass)
  const known = types.map((type) => architectures.get(type)).find((architecture) => architecture?.binary !== undefined)
  const shown = known ?? architectures.get(types[0] ?? 0)
  const isUefi = types.some((type) => type !== 0)
  const isIpxe = packet.options.has(options.ipxe) || packet.options.get(options.userClass)?.includes('iPXE') === true
  return {
    stage: isIpxe ? 'ipxe' : kind === 'HTTP' ? 'http' : 'pxe',
    name: shown?.name ?? `architecture ${types[0]}`,
    ...(known?.binary === undefined ? {} : { binary: known.binary }),
    isUefi,
  }
}
