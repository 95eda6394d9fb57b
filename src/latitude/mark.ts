// The mark of a run. A server has no tags when it is created, so its host name carries the mark. Ids and marks tell their cloud by
// their form.

/** The id of a server: `sv_LqG158rA60BOg`. */
export const serverIdForm = /^sv_[A-Za-z0-9]+$/

/** A mark, the 128 bits of a UUID in base 36, or the whole host name of one of the run's machines. Host names have no case. */
export const runMarkForm = /^mk-[0-9a-z]{25}(?:-[1-9][0-9]{0,2})?$/i

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
  if (!runMarkForm.test(hostname)) return undefined
  const [prefix, mark, attempt = '1'] = hostname.toLowerCase().split('-')
  return { mark: `${prefix}-${mark}`, attempt: Number(attempt) }
}

/** Whether a host name is of a run: with its mark, any of its machines'; with the host name of one of them, only that. */
export function isOfRun(hostname: string, name: string): boolean {
  const wanted = name.toLowerCase()
  return hostname.toLowerCase() === wanted || readHostname(hostname)?.mark === wanted
}
