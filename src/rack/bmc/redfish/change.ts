// PATCH of a resource: some firmware wants its ETag back, some refuses the weak ones that it sends.
import type { RedfishAnswer, RedfishClient } from './client.ts'
import type { RedfishPatience } from './patience.ts'

/** The ETags to send: weak ones as they are, then without their mark, then none. */
export function etagsOf(etag: string | undefined): (string | undefined)[] {
  if (etag === undefined) return [undefined]
  return etag.startsWith('W/') ? [etag, etag.slice(2), undefined] : [etag, undefined]
}

/** Answers that ask for another ETag. */
const preconditionStatuses = [412, 428]

/** Changes a resource that was read with this ETag. @returns the last answer */
export async function changeResource(
  { client, patience }: { client: RedfishClient; patience: RedfishPatience },
  { path, etag, body }: { path: string; etag: string | undefined; body: unknown },
  signal: AbortSignal,
): Promise<RedfishAnswer> {
  let answer: RedfishAnswer | undefined
  for (const candidate of etagsOf(etag)) {
    const headers: Record<string, string> = candidate === undefined ? {} : { 'if-match': candidate }
    answer = await patience.insist(async () => await client.request('PATCH', path, { body, headers, signal }), signal)
    if (!preconditionStatuses.includes(answer.status)) return answer
  }
  if (answer === undefined) throw new Error('no ETag was tried')
  return answer
}
