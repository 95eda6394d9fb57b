// The route by which BMCs load the disc of `boot: media`.
import type { LabAnswer } from '../lab/web/answer.ts'
import type { Route } from '../lab/web/router.ts'
import { readRange } from '../serve/files/range.ts'
import type { NetworkBoots } from './machines/network-boots.ts'

/** The path of the disc. It ends in .iso because some BMCs load nothing else. */
export const discPath = '/media/rack.iso'

const type = { 'content-type': 'application/x-iso9660-image', 'accept-ranges': 'bytes' }

/** Answers a request for the disc: BMCs read the bytes that the machine reads. */
export function answerDisc(disc: Buffer, header: string | undefined): LabAnswer {
  const size = disc.length
  const range = readRange(header, size)
  if (range === 'whole') return { status: 200, bytes: disc, headers: type }
  if (range === 'unsatisfiable') return { status: 416, headers: { ...type, 'content-range': `bytes */${size}` } }
  const { start, end } = range
  return {
    status: 206,
    bytes: disc.subarray(start, end),
    headers: { ...type, 'content-range': `bytes ${start}-${end - 1}/${size}` },
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
