// The route by which BMCs load the disc of `boot: media`.
import type { LabAnswer } from '../lab/web/answer.ts'
import type { Route } from '../lab/web/router.ts'
import type { NetworkBoots } from './machines/network-boots.ts'

/** The path of the disc. It ends in .iso because some BMCs load nothing else. */
export const discPath = '/media/rack.iso'

const type = { 'content-type': 'application/x-iso9660-image', 'accept-ranges': 'bytes' }

/** Answers a request for bytes of the disc: BMCs read what the machine reads (RFC 9110, one range). */
export function answerDisc(disc: Buffer, range: string | undefined): LabAnswer {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? []
  if (first === '' && last === '') return { status: 200, bytes: disc, headers: type }
  const from = first === '' ? Math.max(0, disc.length - Number(last)) : Number(first)
  const to = first === '' || last === '' ? disc.length - 1 : Math.min(Number(last), disc.length - 1)
  if (from >= disc.length || from > to) {
    return { status: 416, headers: { ...type, 'content-range': `bytes */${disc.length}` } }
  }
  return {
    status: 206,
    bytes: disc.subarray(from, to + 1),
    headers: { ...type, 'content-range': `bytes ${from}-${to}/${disc.length}` },
  }
}

/** The route of the disc; none if the rack has no disc. */
export function mediaRoutes(disc: Buffer | undefined, boots: NetworkBoots): Route[] {
  if (disc === undefined) return []
  return [
    [
      `GET ${discPath}`,
      ({ method, headers, peer }) => {
        if (method === 'GET') boots.loadedDisc(peer)
        return answerDisc(disc, headers.range)
      },
    ],
  ]
}
