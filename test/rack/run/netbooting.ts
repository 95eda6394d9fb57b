// What runs in a machine that boots from the network without firmware and kernel: it follows its boot script in a namespace.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { runIpxe } from '../../../src/lab/machines/ipxe/interpreter.ts'
import type { Running } from './wired-machine.ts'

/** Where the machine is, and what is told of each request that it makes. */
export interface BootPlace {
  before: readonly string[]
  /** The URL under which machines find their scripts by MAC. */
  scripts: string
  mac: string
  onFetch: (path: string) => Promise<void> | void
  /** Called with the lines that its script prints. */
  onPrint?: (text: string) => void
}

/** Loads a URL with curl. @returns undefined if that fails */
async function load([file = '', ...before]: readonly string[], url: string): Promise<Buffer | undefined> {
  const words = ['curl', '--fail', '--silent', '--max-time', '20', url]
  return await new Promise((resolve) => {
    execFile(file, [...before, ...words], { encoding: 'buffer' }, (error, stdout) =>
      resolve(error === null ? stdout : undefined),
    )
  })
}

/** Sends a POST with curl. @returns the status of the answer; 0 without one */
export async function post([file = '', ...before]: readonly string[], url: string): Promise<number> {
  const words = ['curl', '--silent', '--max-time', '20', '-o', '/dev/null', '-w', '%{http_code}', '-X', 'POST', url]
  return await new Promise((resolve) => {
    execFile(file, [...before, ...words], (_, stdout) => resolve(Number(stdout)))
  })
}

/** Starts a machine. One that finds no script stays on, as a server without a boot device does. */
export function bootFrom({ before, scripts, mac, onFetch, onPrint: print = () => {} }: BootPlace): Running {
  const plug = new AbortController()
  const download = async (url: string) => {
    await onFetch(new URL(url).pathname)
    const head = await load(before, url)
    return head === undefined ? { error: 'not found' } : { url, head, sizeBytes: head.length }
  }
  const boot = async () => {
    const url = `${scripts}/${mac.replaceAll(':', '-')}`
    await runIpxe(url, { arch: 'x86_64', mac, hostname: '', print, download }, plug.signal)
  }
  // A failed download is what the rack's end looks like from here.
  void boot().catch(() => {})
  return { ended: once(plug.signal, 'abort'), cut: async () => plug.abort(), reset() {} }
}
