// Gives machines their scripts as they need them. Linux has one serial console, the first on its command line, and the scripts of
// metalkit and linuxkit name Metal's, ttyS1. They also ask for an address by DHCP, which a machine with a fixed one may not get.
import type { ScriptRelay } from '../lab/api/routes/machine.ts'
import { download, keptBytes } from '../lab/machines/ipxe/download.ts'
import { withConsole, withFixedAddress } from '../ipxe/boot-script.ts'
import type { FixedAddress, RackFile } from './file/rack-file.ts'

const patienceMs = 10_000
const metalTty = 'ttyS1'

/** What a machine needs changed in its script. */
interface Needs {
  tty: string | undefined
  fixed: FixedAddress | undefined
}

/** Fetches a script. @returns why not, if that is not possible */
async function load(url: string): Promise<{ text: string } | { error: string }> {
  let fetched: Awaited<ReturnType<typeof download>>
  try {
    fetched = await download(url, AbortSignal.timeout(patienceMs))
  } catch {
    return { error: `it could not be loaded within ${patienceMs / 1000} s` }
  }
  if ('error' in fetched) return { error: `it could not be loaded: ${fetched.error}` }
  if (fetched.sizeBytes > keptBytes) return { error: `it is longer than ${keptBytes / 1024} KiB` }
  return { text: fetched.head.toString('utf8') }
}

/** Changes a script as far as possible. @returns it, and clauses about its changes */
function adapt(script: string, { tty, fixed }: Needs): { text: string; done: string[]; missed: string[] } {
  const result = { text: script, done: [] as string[], missed: [] as string[] }
  if (tty !== undefined) {
    const named = withConsole(script, tty)
    if (named === undefined) result.missed.push(`without console=${tty}: it does not add console=${metalTty} itself`)
    else {
      result.text = named
      result.done.push(`has console=${tty} in place of console=${metalTty}`)
    }
  }
  if (fixed !== undefined) {
    const { ip, mask } = fixed.address
    result.text = withFixedAddress(result.text, { ip, mask, gateway: fixed.gateway })
    result.done.push(`keeps the address ${ip} in place of dhcp`)
  }
  return result
}

function describeNeeds({ tty, fixed }: Needs): string {
  const missing = [
    ...(tty === undefined ? [] : [`console=${tty}`]),
    ...(fixed === undefined ? [] : [`the address ${fixed.address.ip}`]),
  ]
  return missing.join(' and ')
}

/** Relays the scripts of machines for which the rack file names a tty or an address. A script that cannot be changed is left to the machine. */
export function scriptRelay(file: Pick<RackFile, 'machines'>): ScriptRelay {
  const needs = new Map<string, Needs>()
  for (const { name, arch, tty, fixed } of file.machines) {
    const other = arch === 'x86_64' && tty !== metalTty ? tty : undefined
    if (other !== undefined || fixed !== undefined) needs.set(name, { tty: other, fixed })
  }
  return {
    isFor: ({ machine = '', ipxeScriptUrl }) => needs.has(machine) && ipxeScriptUrl !== null,
    async fetch({ machine = '', ipxeScriptUrl }) {
      const url = ipxeScriptUrl ?? ''
      const wanted = needs.get(machine) ?? { tty: undefined, fixed: undefined }
      const asItIs = (why: string) => ({
        text: `#!ipxe\nchain --autofree ${url}\n`,
        event: `${machine}: its script is left as it is, ${why}`,
      })
      const loaded = await load(url)
      if ('error' in loaded) return asItIs(`without ${describeNeeds(wanted)}: ${loaded.error}`)
      const { text, done, missed } = adapt(loaded.text, wanted)
      if (done.length === 0) return asItIs(missed.join(', and '))
      return { text, event: `${machine}: its script ${[...done, ...missed].join(', and ')}` }
    },
  }
}
