// Flags of the rack, besides those that it shares with the lab.
import { boolean, value } from './flag.ts'
import { parseDuration, parsePort } from './values.ts'

export const rackFlags = {
  bootPort: value(
    {
      name: 'boot-port',
      placeholder: 'port',
      env: ['METAL_RACK_BOOT_PORT'],
      fallback: '7071',
      help: 'TCP port on network.address, at which machines fetch their scripts and iPXE',
    },
    parsePort,
  ),
  bootTimeout: value(
    {
      name: 'boot-timeout',
      placeholder: 'duration',
      env: ['METAL_RACK_BOOT_TIMEOUT'],
      fallback: '20m',
      help: 'how long a machine may take to run its boot script',
    },
    parseDuration,
  ),
  insecureHttp: boolean({
    name: 'insecure-http',
    env: ['METAL_RACK_INSECURE_HTTP'],
    fallback: 'false',
    help: 'allow an API on the network without TLS: anyone there can read its token',
  }),
}
