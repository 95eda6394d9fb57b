// Routes for machines besides the paths of their devices: their script by MAC, and iPXE for UEFI HTTP Boot.
import { notFound, type LabAnswer, plain } from '../lab/web/answer.ts'
import type { Route } from '../lab/web/router.ts'
import type { NetworkBoots } from './machines/network-boots.ts'
import { findMac } from './netboot/neighbours.ts'
import type { Netboot } from './netboot/netboot.ts'

/** A client may have the script of a machine if it is not known to be another computer. */
async function mayHave(mac: string, peer: string): Promise<boolean> {
  const own = await findMac(peer)
  return own === undefined || own === mac
}

/**
 * Routes for a router that names boot files itself: `/boot/mac/0c-c4-7a-00-00-01`, and `/ipxe/snponly.efi`; and for the disc.
 * @param macs those of the rack's machines
 */
export function bootRoutes(boots: NetworkBoots, netboot: Pick<Netboot, 'fileFor'>, macs: ReadonlySet<string>): Route[] {
  const sendScript = async (text: string, peer: string): Promise<LabAnswer> => {
    const mac = text.toLowerCase().replaceAll('-', ':')
    const script = boots.scriptOf(mac)
    // A machine that is not to boot from the network goes on with its next boot device.
    if (script === undefined || !(await mayHave(mac, peer))) return notFound
    return plain(`#!ipxe\nchain --autofree ${script}\n`)
  }
  /** The same for the disc, which asks again if it gets no answer: a machine of the rack that is not to boot now must leave. */
  const sendDiscScript = async (text: string, peer: string): Promise<LabAnswer> => {
    const mac = text.toLowerCase().replaceAll('-', ':')
    const isIdle = macs.has(mac) && boots.scriptOf(mac) === undefined
    return isIdle ? plain('#!ipxe\nexit\n') : await sendScript(text, peer)
  }
  return [
    ['GET /media/mac/{mac}', ({ parameters: [mac = ''], peer }) => sendDiscScript(mac, peer)],
    ['GET /boot/mac/{mac}', ({ parameters: [mac = ''], peer }) => sendScript(mac, peer)],
    [
      'GET /ipxe/{path*}',
      async ({ parameters: [path = ''], peer }) => {
        const file = await netboot.fileFor(path, peer)
        return file === undefined ? notFound : { status: 200, bytes: file.content, onSent: file.onSent }
      },
    ],
  ]
}
