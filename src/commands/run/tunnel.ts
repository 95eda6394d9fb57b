// The public URL of --tunnel, which leads to the address of -serve.
import { TunnelError, UsageError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { Options } from '../../options/flags.ts'
import type { Address } from '../../address.ts'
import type { Tunnel } from '../../tunnel/ssh-tunnel.ts'
import { parseTunnel } from '../../tunnel/target.ts'

/** The local address of a server, even if it listens on every interface. */
function localAddress({ host, port }: Address): Address {
  if (host === '' || host === '0.0.0.0') return { host: '127.0.0.1', port }
  return { host: host === '::' ? '::1' : host, port }
}

/** Opens the tunnel of --tunnel, if given. @throws UsageError, TunnelError, or the signal's reason */
export async function openTunnel(
  options: Options<'tunnel' | 'serve' | 'identity' | 'knownHosts'>,
  context: Context,
): Promise<Tunnel | undefined> {
  if (options.tunnel === undefined) return undefined
  const target = parseTunnel(options.tunnel)
  const { report, signal } = context
  if (options.serve === undefined || options.serve.port === 0) {
    throw new UsageError('--tunnel needs the port of --serve', {
      hint: 'pass --serve with a port, e.g. --serve 127.0.0.1:8080',
    })
  }
  const local = localAddress(options.serve)
  let tunnel: Tunnel
  if (target.kind === 'ngrok') {
    const { openNgrokTunnel } = await import('../../tunnel/ngrok.ts')
    tunnel = await openNgrokTunnel({ apiPort: target.apiPort, localPort: local.port, report, signal })
  } else {
    const { openSshTunnel } = await import('../../tunnel/ssh-tunnel.ts')
    const { findSsh } = await import('../shared/ssh.ts')
    const { host, connect } = await findSsh(target, options, context, TunnelError)
    tunnel = await openSshTunnel({ host, bind: target.bind, local, connect, report, signal })
  }
  report.info(`Machines reach this computer at ${tunnel.url}`)
  return tunnel
}
