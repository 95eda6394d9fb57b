// Gives a machine whose serial console is not ttyS1 its script with its own console: Linux has one serial console, the first on its
// command line, and the scripts of metalkit and linuxkit name Metal's.
import type { ScriptRelay } from '../lab/api/routes/machine.ts'
import { download, keptBytes } from '../lab/machines/ipxe/download.ts'
import { withConsole } from '../ipxe/boot-script.ts'
import type { RackFile } from './file/rack-file.ts'

const patienceMs = 10_000
const metalTty = 'ttyS1'

/** Fetches a script, and names another console in it. @returns why not, if that is not possible */
async function adapt(url: string, tty: string): Promise<{ text: string } | { error: string }> {
  let fetched: Awaited<ReturnType<typeof download>>
  try {
    fetched = await download(url, AbortSignal.timeout(patienceMs))
  } catch {
    return { error: `it could not be loaded within ${patienceMs / 1000} s` }
  }
  if ('error' in fetched) return { error: `it could not be loaded: ${fetched.error}` }
  const script = fetched.sizeBytes > keptBytes ? undefined : withConsole(fetched.head.toString('utf8'), tty)
  return script === undefined ? { error: `it does not add console=${metalTty} itself` } : { text: script }
}

/** Relays the scripts of machines for which the rack file names a tty. A script that cannot be changed is left to the machine. */
export function consoleRelay(file: Pick<RackFile, 'machines'>): ScriptRelay {
  const ttys = new Map<string, string>()
  for (const { name, arch, tty } of file.machines) {
    if (arch === 'x86_64' && tty !== undefined && tty !== metalTty) ttys.set(name, tty)
  }
  return {
    isFor: ({ machine = '', ipxeScriptUrl }) => ttys.has(machine) && ipxeScriptUrl !== null,
    async fetch({ machine = '', ipxeScriptUrl }) {
      const url = ipxeScriptUrl ?? ''
      const tty = ttys.get(machine) ?? metalTty
      const adapted = await adapt(url, tty)
      if ('text' in adapted) {
        return { ...adapted, event: `${machine}: its script has console=${tty} in place of console=${metalTty}` }
      }
      const event = `${machine}: its script is left as it is, without console=${tty}: ${adapted.error}`
      return { text: `#!ipxe\nchain --autofree ${url}\n`, event }
    },
  }
}
