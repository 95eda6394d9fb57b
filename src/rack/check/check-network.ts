// Looks at the network and the files that machines boot from, without changing anything.
import { stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { isLocked } from '../../lab/storage/file-lock.ts'
import { listen } from '../../listen.ts'
import { RackError } from '../../errors.ts'
import { formatSize } from '../../text/byte-size.ts'
import type { RackFile } from '../file/rack-file.ts'
import { findStatePlace } from '../machines/rack-state.ts'
import { makeDisc } from '../media/disc.ts'
import { chooseDiscFiles } from '../media/disc-files.ts'
import { discScript } from '../media/disc-script.ts'
import { chooseBinaries, isNetbooted } from '../netboot/choose-binaries.ts'
import { describeServers, hearDhcpServers } from '../netboot/dhcp-servers.ts'
import { openDhcpPorts } from '../netboot/dhcp-ports.ts'
import { describeRouterOptions } from '../netboot/router-options.ts'
import { closeUdp, openUdp, standardPorts } from '../netboot/udp.ts'
import type { RackFinding } from './check-machine.ts'

/** Whether this computer has the address of the rack file. @throws RackError if it has not */
export async function checkAddress({ network: { address } }: RackFile): Promise<RackFinding> {
  for (const [name, list] of Object.entries(networkInterfaces())) {
    const entry = list?.find((candidate) => candidate.address === address)
    if (entry !== undefined) return { detail: `${entry.cidr ?? address} on ${name}` }
  }
  throw new RackError(`"${address}" is not an address of this computer`, {
    hint: 'write its address on the network of the machines as network.address (ip -brief address lists them)',
  })
}

/** Tries the port of the scripts. */
async function tryBootPort(address: string, bootPort: number): Promise<void> {
  const server = createServer()
  await listen(server, { host: address, port: bootPort }, { flag: '--boot-port' })
  await new Promise((resolve) => server.close(resolve))
}

/** Tries all ports of network boot. @returns whether a DHCP server on this computer shares port 67 */
async function tryPorts(address: string, mode: 'proxy' | 'none', bootPort: number): Promise<boolean> {
  const dhcp = await openDhcpPorts(address, standardPorts, () => {})
  try {
    const others = mode === 'proxy' ? [standardPorts.pxe, standardPorts.tftp] : [standardPorts.tftp]
    for (const port of others) await closeUdp(await openUdp({ host: address, port, use: 'network boot' }))
    await tryBootPort(address, bootPort)
  } finally {
    await dhcp[Symbol.asyncDispose]()
  }
  return dhcp.isShared
}

/** Whether the ports are free. @throws RackError or ServeError for the first that is not */
export async function checkPorts(
  { network: { address, dhcp }, machines }: RackFile,
  { path, stateFolder, bootPort }: { path: string; stateFolder: string; bootPort: number },
): Promise<RackFinding> {
  const place = await findStatePlace(stateFolder, path)
  if (await isLocked(`${place.path}.lock`)) return { detail: 'a rack with this file is running and uses them' }
  if (!machines.some(isNetbooted)) {
    await tryBootPort(address, bootPort)
    return { detail: `TCP ${bootPort} can be used; no machine boots from the network` }
  }
  const isShared = await tryPorts(address, dhcp, bootPort)
  const ports = `UDP 67${dhcp === 'proxy' ? ', 4011' : ''} and 69, TCP ${bootPort}`
  return { detail: `${ports} can be used${isShared ? '; a DHCP server on this computer shares port 67' : ''}` }
}

/** The builds of iPXE that machines load from the network. */
export async function checkIpxe(file: RackFile): Promise<RackFinding[]> {
  const { files, faults } = await chooseBinaries(file)
  const shown: RackFinding[] = []
  for (const { kind, path, version } of Object.values(files)) {
    const modified = await stat(path).then(
      ({ mtime }) => mtime.toISOString().slice(0, 10),
      () => undefined,
    )
    if (modified === undefined) continue
    shown.push({ detail: `${kind}: ${path}, ${version === undefined ? `file of ${modified}` : `version ${version}`}` })
  }
  return [...shown, ...faults.map((fault) => ({ detail: 'not as needed', hint: fault }))]
}

/** The disc of `boot: media`: makes it, and keeps nothing. @throws RackError if that fails */
export async function checkDisc(file: RackFile, signal: AbortSignal): Promise<RackFinding[]> {
  const { files, problems, warnings } = await chooseDiscFiles(file)
  const shown = Object.values(files).map(({ path }) => ({ detail: path }))
  const faults = [...problems, ...warnings].map((fault) => ({ detail: 'not as needed', hint: fault }))
  if (files.bios === undefined && files.uefi === undefined && files.uefiArm64 === undefined)
    return [...shown, ...faults]
  const disc = await makeDisc(files, discScript('http://192.0.2.1', file.machines), signal)
  return [...shown, ...faults, { detail: `${formatSize(disc.length)}, made by xorriso` }]
}

/** The DHCP servers of the network. @throws RackError if the ports for it cannot be used */
export async function checkDhcp({ network: { address, dhcp } }: RackFile, signal: AbortSignal): Promise<RackFinding[]> {
  const servers = await hearDhcpServers({ address, signal })
  const lines = describeServers(servers, address)
  return lines.map((line) => {
    const isFine = /^DHCP server \S+$/.test(line) || (dhcp === 'none' && line.includes('it names the boot file'))
    return isFine
      ? { detail: line }
      : { detail: line.split(': ')[0] ?? line, hint: line.split(': ').slice(1).join(': ') || line }
  })
}

/** The options with which the network's DHCP server names the boot files, to copy from. */
export function describeRouter({ network: { address }, machines }: RackFile, bootPort: number): string {
  const origin = `http://${address}:${bootPort}`
  return describeRouterOptions({
    address,
    macs: machines.filter(isNetbooted).flatMap(({ macs }) => macs),
    scriptUrl: `${origin}/boot/mac/`,
    filesUrl: `${origin}/ipxe/`,
  })
}
