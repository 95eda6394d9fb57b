// The iPXE script of a request: a URL, or the script itself in base64.
import { z } from 'zod/mini'

import { hasControls } from '../../../text/plain-text.ts'
import type { Reason } from './body.ts'

/** The fields of a script. */
export const scriptFields = {
  ipxe: z.nullish(z.string()),
  persistent_netboot: z.nullish(z.boolean()),
  disk_layout: z.nullish(z.array(z.looseObject({ count: z.int().check(z.gte(1)), role: z.string() }))),
}

/** Where a device's script comes from. */
export interface Script {
  ipxeScriptUrl: string | null
  /** The script itself, or ''. */
  userdata: string
}

function decode(text: string): string | undefined {
  const compact = text.replaceAll(/\s/g, '')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(compact) || compact.length % 4 !== 0) return undefined
  const script = Buffer.from(compact, 'base64').toString('utf8')
  return script.startsWith('#!ipxe') ? script : undefined
}

/** Reads the script: an http(s) URL, or base64 of a text that begins with #!ipxe; undefined if it is neither. */
export function readScript(ipxe: string): Script | undefined {
  if (/^https?:\/\/\S+$/i.test(ipxe) && !hasControls(ipxe) && URL.canParse(ipxe)) {
    return { ipxeScriptUrl: ipxe, userdata: '' }
  }
  const userdata = decode(ipxe)
  return userdata === undefined ? undefined : { ipxeScriptUrl: null, userdata }
}

/** What is wrong with the script of a request for an operating system. Only the text for a missing script is known. */
export function refuseScript(
  { ipxe, persistent_netboot: isPersistent, disk_layout: layout }: z.infer<z.ZodMiniObject<typeof scriptFields>>,
  isIpxe: boolean,
): Reason[] {
  const isGiven = ipxe !== undefined && ipxe !== null && ipxe !== ''
  return [
    ...(isIpxe && !isGiven ? [{ detail: 'ipxe must be informed', field: 'ipxe' }] : []),
    ...(isGiven && readScript(ipxe) === undefined
      ? [{ detail: 'ipxe is not a URL, nor an iPXE script in base64', field: 'ipxe' }]
      : []),
    ...(isGiven && layout ? [{ detail: 'ipxe and disk_layout exclude each other', field: 'disk_layout' }] : []),
    ...(!isIpxe && isPersistent === true
      ? [{ detail: 'persistent_netboot is only supported with the ipxe operating system', field: 'persistent_netboot' }]
      : []),
  ]
}
