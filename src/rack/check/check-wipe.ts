// Looks at the scripts that empty machines, before a machine needs one.
import { open } from 'node:fs/promises'
import { RackError } from '../../errors.ts'
import { Connections } from '../../http/connections.ts'
import { follow } from '../../http/redirect.ts'
import { plainText } from '../../text/plain-text.ts'
import { describeCondition } from '../../text/system-error.ts'
import type { RackFile } from '../file/rack-file.ts'
import { isUrl } from '../file/wipe-settings.ts'
import type { RackFinding } from './check-machine.ts'

/** A script, and the machines that it empties. */
export interface WipeScript {
  script: string
  machines: string[]
}

const magic = '#!ipxe'

/** The scripts of a rack file, each once. A machine in use is never wiped. */
export function wipeScriptsOf({ machines }: Pick<RackFile, 'machines'>): WipeScript[] {
  const scripts = new Map<string, string[]>()
  for (const { name, wipe, inUse } of machines) {
    if (wipe !== undefined && !inUse) scripts.set(wipe.script, [...(scripts.get(wipe.script) ?? []), name])
  }
  return [...scripts].map(([script, names]) => ({ script, machines: names }))
}

async function readStart(path: string): Promise<string> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(magic.length + 1), 0, magic.length + 1, 0)
  return buffer.subarray(0, bytesRead).toString('latin1')
}

/** The first bytes of a script, as this computer can load it: through no proxy, as machines do. */
async function fetchStart(url: string, signal: AbortSignal): Promise<string> {
  const connections = new Connections()
  try {
    const { answer } = await follow(connections, new URL(url), { signal })
    if (answer.statusCode !== 200) throw new Error(`the server answers ${answer.statusCode}`)
    let start = ''
    for await (const bytes of answer) {
      start += Buffer.from(bytes).toString('latin1')
      if (start.length > magic.length) break
    }
    return start
  } finally {
    connections.close()
  }
}

/** Loads a script and looks at its first line. @throws RackError if it cannot be loaded */
export async function checkWipe({ script, machines }: WipeScript, signal: AbortSignal): Promise<RackFinding> {
  const shown = plainText(script)
  let start: string
  try {
    start = isUrl(script) ? await fetchStart(script, signal) : await readStart(script)
  } catch (error) {
    signal.throwIfAborted()
    const verb = isUrl(script) ? 'loaded' : 'read'
    throw new RackError(`the wipe script "${shown}" cannot be ${verb}: ${describeCondition(error)}`, {
      hint: 'correct script in wipe: a machine that is given back stays held until it can be wiped',
    })
  }
  const [first = ''] = machines
  const detail = `${shown}, for ${machines.length === 1 ? first : `${machines.length} machines`}`
  if (/^#!ipxe\s/.test(start)) return { detail }
  return { detail, hint: `it does not begin with a line "${magic}": check that it is an iPXE script` }
}
