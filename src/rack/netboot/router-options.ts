// The options with which a network's own DHCP server names the boot files: for ROMs that ignore a second offer, and for `dhcp: none`.
import { binaryNames } from './boot-client.ts'

/** The data for the options. */
export interface RouterOptions {
  /** This computer's address on the network of the machines. */
  address: string
  /** The machines. */
  macs: readonly string[]
  /** The script of a machine by its MAC; the MAC follows, with hyphens. */
  scriptUrl: string
  /** The URL at which UEFI HTTP Boot finds iPXE, with a trailing slash. */
  filesUrl: string
}

/** A boot file, for clients that report one of these architectures (option 93). */
interface Row {
  tag: string
  archs: readonly number[]
  file: string
  isHttp?: boolean
}

function rowsOf({ filesUrl }: RouterOptions): Row[] {
  const { bios, uefi, uefiArm64 } = binaryNames
  return [
    { tag: 'bios', archs: [0], file: bios },
    { tag: 'uefi', archs: [7, 9], file: uefi },
    { tag: 'arm64', archs: [11], file: uefiArm64 },
    { tag: 'http', archs: [16], file: filesUrl + uefi, isHttp: true },
    { tag: 'http-arm64', archs: [19], file: filesUrl + uefiArm64, isHttp: true },
  ]
}

/** iPXE inserts its own MAC. */
const macSetting = '${mac:hexhyp}'

/** For dnsmasq, as on OpenWrt, Pi-hole and many routers. */
export function dnsmasqOptions(options: RouterOptions): string {
  const { address, macs, scriptUrl } = options
  return [
    ...macs.map((mac) => `dhcp-mac=set:rack,${mac}`),
    'dhcp-match=set:ipxe,175',
    `dhcp-boot=tag:rack,tag:ipxe,${scriptUrl}${macSetting},,${address}`,
    ...rowsOf(options).flatMap(({ tag, archs, file, isHttp = false }) => [
      ...archs.map((arch) => `dhcp-match=set:${tag},option:client-arch,${arch}`),
      `dhcp-boot=tag:rack,tag:!ipxe,tag:${tag},${file},,${address}`,
      ...(isHttp ? [`dhcp-option-force=tag:rack,tag:!ipxe,tag:${tag},option:vendor-class,HTTPClient`] : []),
    ]),
  ].join('\n')
}

/** The two bytes of an architecture. */
function hexOf(arch: number): string {
  return `00:${arch.toString(16).padStart(2, '0')}`
}

/** For ISC dhcpd. */
export function iscOptions(options: RouterOptions): string {
  const { address, macs, scriptUrl } = options
  const isRack = macs.map((mac) => `hardware = 1:${mac}`).join(' or ')
  const branches = rowsOf(options).flatMap(({ archs, file, isHttp = false }) => [
    `  } elsif ${archs.map((arch) => `option client-arch = ${hexOf(arch)}`).join(' or ')} {`,
    ...(isHttp ? ['    option vendor-class-identifier "HTTPClient";'] : []),
    `    filename "${file}";`,
  ])
  return [
    'option client-arch code 93 = string;',
    `if ${isRack} {`,
    `  next-server ${address};`,
    '  if exists user-class and option user-class = "iPXE" {',
    `    filename "${scriptUrl}${macSetting}";`,
    ...branches,
    '  }',
    '}',
  ].join('\n')
}

/** For Kea: members of its list of client classes. */
export function keaOptions(options: RouterOptions): string {
  const { address, macs, scriptUrl } = options
  const isRack = `(${macs.map((mac) => `pkt4.mac == 0x${mac.replaceAll(':', '')}`).join(' or ')})`
  const isIpxe = "substring(option[77].hex,0,4) == 'iPXE'"
  const classes = [
    {
      name: 'rack-ipxe',
      test: `${isRack} and ${isIpxe}`,
      'next-server': address,
      'boot-file-name': scriptUrl + macSetting,
    },
    ...rowsOf(options).map(({ tag, archs, file, isHttp = false }) => ({
      name: `rack-${tag}`,
      test: `${isRack} and not (${isIpxe}) and (${archs.map((arch) => `option[93].hex == 0x${hexOf(arch).replace(':', '')}`).join(' or ')})`,
      'next-server': address,
      'boot-file-name': file,
      ...(isHttp
        ? { 'option-data': [{ name: 'vendor-class-identifier', data: 'HTTPClient', 'always-send': true }] }
        : {}),
    })),
  ]
  return classes.map((entry) => JSON.stringify(entry)).join(',\n')
}

/**
 * For MikroTik's RouterOS, from 7.16 on, where a matcher can look for a part of a text. iPXE has the vendor class of the firmware
 * below it, and is so sent to iPXE; from this rack it gets its script instead.
 */
export function mikrotikOptions(options: RouterOptions): string {
  const rows = rowsOf(options).filter(({ isHttp = false }) => !isHttp)
  const matches = rows.flatMap(({ tag, archs }) =>
    archs.map((arch) => {
      const vendorClass = `PXEClient:Arch:${String(arch).padStart(5, '0')}`
      return `/ip dhcp-server matcher add name=rack-${tag}-${arch} server=SERVER address-pool=POOL code=60 matching-type=substring value="${vendorClass}" option-set=rack-${tag}`
    }),
  )
  return [
    `/ip dhcp-server network set [find] next-server=${options.address}`,
    ...rows.map(({ tag, file }) => `/ip dhcp-server option add name=rack-${tag} code=67 value="s'${file}'"`),
    ...rows.map(({ tag }) => `/ip dhcp-server option sets add name=rack-${tag} options=rack-${tag}`),
    ...matches,
  ].join('\n')
}

/** The options for all routers, to copy from. */
export function describeRouterOptions(options: RouterOptions): string {
  const { address, scriptUrl } = options
  const { bios, uefi, uefiArm64 } = binaryNames
  const sections = [
    ['dnsmasq (OpenWrt: /etc/dnsmasq.conf; Pi-hole: a file in /etc/dnsmasq.d)', dnsmasqOptions(options)],
    ['ISC dhcpd (dhcpd.conf)', iscOptions(options)],
    ['Kea ("client-classes" in kea-dhcp4.conf)', keaOptions(options)],
    ['MikroTik RouterOS 7.16 or later (put in your names for SERVER and POOL)', mikrotikOptions(options)],
    [
      'other routers',
      [
        `next server (siaddr), and option 66: ${address}`,
        `boot file, and option 67: ${bios} for BIOS, ${uefi} for UEFI x86_64, ${uefiArm64} for UEFI arm64`,
        `boot file for iPXE (user class "iPXE", or option 175): ${scriptUrl}${macSetting}`,
        'A router that cannot tell iPXE apart may name the same file for it: from this rack it then gets its script.',
      ].join('\n'),
    ],
  ]
  return sections.map(([title, text]) => `# ${title}\n${text}\n`).join('\n')
}
