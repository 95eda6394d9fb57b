// Warns of base URLs that are valid but unlikely to work from a machine in a data centre.
import { BlockList, isIP } from 'node:net'

const unreachable = new BlockList()
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10],
] as const) {
  unreachable.addSubnet(network, prefix)
}
unreachable.addSubnet('::1', 128, 'ipv6')
unreachable.addSubnet('fc00::', 7, 'ipv6')
unreachable.addSubnet('fe80::', 10, 'ipv6')

/** True for an address that only this computer or its network can reach (RFC 1918, 6598, 4193 and the loopbacks). */
export function isPrivateHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  if (bare === 'localhost' || bare.endsWith('.localhost') || bare.endsWith('.local')) return true
  const version = isIP(bare)
  return version !== 0 && unreachable.check(bare, version === 4 ? 'ipv4' : 'ipv6')
}

/**
 * Warnings about a base URL.
 * @param apiUrl of the cloud, if it has one: a local one is a lab, whose machines reach everything this computer reaches
 */
export function doubtsAboutBaseUrl(baseUrl: string, apiUrl: string | undefined): string[] {
  const { protocol, hostname } = new URL(baseUrl)
  const doubts: string[] = []
  if (protocol === 'https:') {
    doubts.push(
      `machines often fail to fetch from https URLs such as "${baseUrl}" (their iPXE lacks TLS or trusts few certificates); prefer http`,
    )
  }
  if (isPrivateHost(hostname) && !(apiUrl !== undefined && isPrivateHost(new URL(apiUrl).hostname))) {
    doubts.push(
      `no machine in a cloud can reach "${hostname}", which is a private address; pass a public one as --base-url`,
    )
  }
  return doubts
}
