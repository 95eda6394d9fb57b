// The files that a machine may load: iPXE, and only while the machine is armed.
import { type BinaryKind, binaryNames } from './boot-client.ts'
import { findMac } from './neighbours.ts'
import type { Step } from './steps.ts'
import type { TftpFile } from './tftp.ts'

/** A step without its time. */
export type Note = Step extends infer One ? (One extends Step ? Omit<One, 'at'> : never) : never

const notHere = { refusal: 'no such file' }

/** A script that chains to another. */
function chainTo(script: string): Buffer {
  return Buffer.from(`#!ipxe\nchain --autofree ${script}\n`)
}

/** The served files: iPXE's builds under their names, at the top and in a folder for each machine's MAC. */
export class ServedFiles {
  readonly #byName: ReadonlyMap<string, Buffer>
  readonly #armed: ReadonlyMap<string, string>
  readonly #known: ReadonlySet<string>
  readonly #runsIpxe: ReadonlySet<string>
  readonly #note: (step: Note) => void

  constructor(
    contents: ReadonlyMap<BinaryKind, Buffer>,
    armed: ReadonlyMap<string, string>,
    known: ReadonlySet<string>,
    runsIpxe: ReadonlySet<string>,
    note: (step: Note) => void,
  ) {
    this.#byName = new Map([...contents].map(([kind, content]) => [binaryNames[kind], content]))
    this.#armed = armed
    this.#known = known
    this.#runsIpxe = runsIpxe
    this.#note = note
  }

  /**
   * Finds the file for a request. The sender is identified by the MAC that the kernel has for its address. Only a sender behind a
   * router, for which there is no MAC, is assumed to be the machine in the folder's name. An iPXE that asks for iPXE was sent here by a
   * router that names one boot file for all: it gets its script, or else would load itself forever.
   */
  async find(
    path: string,
    peer: string,
    protocol: 'TFTP' | 'HTTP',
    provoke?: () => void,
  ): Promise<TftpFile | typeof notHere> {
    const [, folder, file = ''] = /^\/*(?:([0-9a-f]{2}(?:-[0-9a-f]{2}){5})\/)?([a-z0-9.-]+)$/.exec(path) ?? []
    const content = this.#byName.get(file)
    const named = folder?.replaceAll('-', ':')
    // Check first that the file exists.
    if (content === undefined) return notHere
    const mac = (await findMac(peer, named === undefined ? provoke : undefined)) ?? named
    if (mac === undefined || !this.#known.has(mac)) return notHere
    const script = this.#armed.get(mac)
    if (script === undefined) {
      this.#note({ kind: 'refused', mac, why: `it asked for ${file}, and is not to boot now` })
      return notHere
    }
    const isIpxe = this.#runsIpxe.has(mac)
    const served = isIpxe ? `a script in place of ${file}` : file
    this.#note({ kind: 'transfer', mac, file: served, protocol })
    return {
      owner: mac,
      content: isIpxe ? chainTo(script) : content,
      onEnd: (failure) =>
        this.#note(
          failure === undefined
            ? { kind: 'sent', mac, file: served, protocol }
            : { kind: 'broken', mac, file: served, why: failure },
        ),
    }
  }
}
