// Times on the wire.

/** A time in whole seconds, as the API has it; the cloud itself counts milliseconds. */
export function wireTime(time: string): string {
  return time.replace(/\.\d+(?=Z$)/, '')
}
