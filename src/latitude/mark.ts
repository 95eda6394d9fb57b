// The mark of a run. A server has no tags when it is created, so its host name carries the mark. Ids and marks tell their cloud by
// their form.

/** The id of a server: `sv_LqG158rA60BOg`. */
export const serverIdForm = /^sv_[A-Za-z0-9]+$/

/** A mark: the 128 bits of a UUID in base 36. */
export const runMarkForm = /^mk-[0-9a-z]{25}$/

const hostnameOfOurs = /^(mk-[0-9a-z]{25})(?:-([1-9][0-9]{0,2}))?$/

/** The mark of a run, from its UUID. */
export function markOf(runId: string): string {
  const bits = BigInt(`0x${runId.replaceAll('-', '')}`)
  return `mk-${bits.toString(36).padStart(25, '0')}`
}

/** The host name of a machine: the run's mark, and from its second create on the number of the create. At most 32 characters. */
export function hostnameOf(mark: string, attempt: number): string {
  return attempt === 1 ? mark : `${mark}-${attempt}`
}

/** The mark and the attempt of a host name that metalkit gave; undefined for any other. Host names have no case. */
export function readHostname(hostname: string): { mark: string; attempt: number } | undefined {
  const [, mark, attempt = '1'] = hostnameOfOurs.exec(hostname.toLowerCase()) ?? []
  return mark === undefined ? undefined : { mark, attempt: Number(attempt) }
}
