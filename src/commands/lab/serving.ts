// What lab and rack have in common: where they listen, whether they speak TLS, what they print, and how they end.
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isSea } from 'node:sea'
import type { Address } from '../../address.ts'
import { exitCodes, InterruptedError, LabError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { LabGround } from '../../lab/ground.ts'
import { nameFlag } from '../../lab/storage/running-labs.ts'
import type { TlsChoice } from '../../lab/tls/lab-tls.ts'
import type { Options } from '../../options/flags.ts'

/** The folder of the page's files, which the build puts beside the program; undefined without them. */
export function findPageFolder(): string | undefined {
  const folder = join(import.meta.dirname, 'page')
  return isSea() || existsSync(folder) ? folder : undefined
}

/** The address to listen on: loopback unless the user names a host. */
export function listenOn(address: Address | undefined, port: number): Address {
  return address === undefined ? { host: '127.0.0.1', port } : { host: address.host || '127.0.0.1', port: address.port }
}

/** How the API speaks TLS; undefined for plain HTTP. */
export async function chooseLabTls(
  { labTls, labTlsCert, labTlsKey }: Options<'labTls' | 'labTlsCert' | 'labTlsKey'>,
  { env }: Pick<Context, 'env'>,
): Promise<TlsChoice | undefined> {
  if (!labTls && labTlsCert === undefined && labTlsKey === undefined) return undefined
  const { chooseTls } = await import('../shared/tls.ts')
  const tls = await chooseTls(labTlsCert, labTlsKey, LabError)
  return { env, userCertificate: tls && labTlsCert !== undefined ? { ...tls, path: labTlsCert } : undefined }
}

/** What a user needs to know of a lab that has started; `machines` are lines about its machines. */
export function describeLab(
  { contact: lab, face }: Pick<LabGround, 'contact' | 'face'>,
  machines: readonly string[],
  name: string,
): string[] {
  const { SSL_CERT_FILE: certificates } = lab.trust
  return [
    `API       ${lab.apiUrl}`,
    face.describeConsole(lab),
    ...machines,
    ...(certificates === undefined ? [] : [`TLS       clients trust it with SSL_CERT_FILE=${certificates}`]),
    `page      ${new URL('/', lab.apiUrl).href} (metalkit lab page${nameFlag(name)} prints the link that opens it)`,
  ]
}

/** Waits for a signal, which is the normal way to end. */
export async function waitForSignal({ signal }: Pick<Context, 'signal'>): Promise<number> {
  if (!signal.aborted) await once(signal, 'abort')
  if (!(signal.reason instanceof InterruptedError)) throw signal.reason
  return exitCodes.success
}
