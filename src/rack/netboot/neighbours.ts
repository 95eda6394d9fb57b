// The MAC of a computer on this network, as the kernel knows it.
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Linux's ARP table. */
export const arpTable = '/proc/net/arp'

/** Finds an address in the text of the ARP table: address, type, flags, MAC, mask, device. */
export function findInArpTable(text: string, address: string): string | undefined {
  for (const line of text.split('\n')) {
    const [ip, type, flags, mac] = line.split(/\s+/)
    // Flag 2: the entry is complete.
    if (ip === address && type === '0x1' && (Number(flags) & 2) !== 0) return mac?.toLowerCase()
  }
  return undefined
}

/** How long the kernel may take to find a MAC. */
const patienceMs = 500
const pauseMs = 50

/**
 * The MAC of an address on this network; undefined if it is unknown, as for a computer behind a router or on a system without
 * the table. `provoke` sends a packet to the computer, which makes the kernel find its MAC.
 */
export async function findMac(address: string, provoke?: () => void): Promise<string | undefined> {
  const look = async () => findInArpTable(await readFile(arpTable, 'latin1').catch(() => ''), address)
  const known = await look()
  if (known !== undefined || provoke === undefined) return known
  provoke()
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += pauseMs) {
    await sleep(pauseMs)
    const mac = await look()
    if (mac !== undefined) return mac
  }
  return undefined
}
