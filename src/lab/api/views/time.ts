// Times on the wire.

/** A time in whole seconds, as in the API; the cloud itself uses milliseconds. */
export function wireTime(time: string): string {
  return time.replace(/\.\d+(?=Z$)/, '')
}
