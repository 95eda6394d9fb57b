// metalkit lab forward: forwards a local port to a machine's TCP port.
import { formatAddress, toPort } from '../../address.ts'
import { UsageError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import { askLab } from '../../lab/storage/ask-lab.ts'
import type { Options } from '../../options/flags.ts'
import { requireLab } from './find-lab.ts'

function parsePort(text: string): number {
  const port = toPort(text)
  if (port === undefined) throw new UsageError(`"${text}" is not a port`, { hint: 'use a number from 1 to 65535' })
  return port
}

/** Forwards the port, and prints the local address. */
export async function execute(
  { id, port, 'host-port': hostPort }: { id: string; port: string; 'host-port': string | undefined },
  { labName }: Options<'labName'>,
  context: Context,
): Promise<void> {
  const body = { port: parsePort(port), host_port: hostPort === undefined ? null : parsePort(hostPort) }
  const lab = await requireLab(labName, context)
  const path = `/lab/devices/${encodeURIComponent(id)}/forwards`
  const answer = await askLab(lab, { method: 'POST', path, body, signal: context.signal })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the lab's own answer
  const { host, host_port: localPort } = answer as { host: string; host_port: number }
  context.stdout.write(`${formatAddress({ host, port: localPort })}\n`)
}
