// The routes by which a machine that is being wiped finds its script, and reports.
import { RackError } from '../errors.ts'
import { noContent, notFound, plain, refuse } from '../lab/web/answer.ts'
import type { Route } from '../lab/web/router.ts'
import type { NetworkBoots } from './machines/network-boots.ts'
import type { WipeBook } from './machines/wipe-book.ts'
import { findMac } from './netboot/neighbours.ts'

const outcomes = {
  taken: noContent,
  late: refuse(409, 'This wipe is over'),
  unknown: notFound,
}

/** `GET /boot/wipe/{id}/auto.ipxe`, and `POST /boot/wipe/{id}/{key}`, with `failed=REASON` if the machine could not be emptied. */
export function wipeRoutes(book: WipeBook, boots: Pick<NetworkBoots, 'fetched'>): Route[] {
  return [
    [
      'GET /boot/wipe/{id}/auto.ipxe',
      async ({ parameters: [id = ''], peer, method }) => {
        const entry = book.findWaiting(id)
        if (entry === undefined) return notFound
        const { machine, wipe } = entry
        const mac = await findMac(peer)
        // The script has the key of the report.
        if (mac !== undefined && !machine.macs.includes(mac)) return notFound
        try {
          const script = await book.scriptOf(machine, wipe)
          if (method !== 'HEAD') {
            await book.noteFetch(machine)
            boots.fetched(book.scriptUrl(wipe))
          }
          return plain(script)
        } catch (error) {
          if (!(error instanceof RackError)) throw error
          return refuse(503, 'The script cannot be read')
        }
      },
    ],
    [
      'POST /boot/wipe/{id}/{key}',
      async ({ parameters: [id = '', key = ''], query, body }) => {
        const failure = query.get('failed') ?? new URLSearchParams(body.toString('utf8')).get('failed') ?? undefined
        return outcomes[await book.takeReport(id, key, failure)]
      },
    ],
  ]
}
