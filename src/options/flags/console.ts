// Flags of the console: host keys, identities, logs and recordings.
import { boolean, list, value } from './flag.ts'
import { oneOf, parseFingerprint, parseHost, parseText } from './values.ts'

export const consoleFlags = {
  console: boolean({ name: 'console', fallback: 'true', help: 'attach to the serial console' }),
  sos: value(
    { name: 'sos', placeholder: 'host[:port]', computed: "the device's", help: 'Serial-over-SSH host of the console' },
    parseHost(22),
  ),
  identity: list(
    {
      name: 'identity',
      placeholder: 'file',
      completes: 'files',
      computed: "agent, then ssh's files",
      help: 'private key for the console, sftp: and ssh:; repeatable',
    },
    parseText,
  ),
  knownHosts: value(
    {
      name: 'known-hosts',
      placeholder: 'file',
      completes: 'files',
      computed: '~/.ssh/known_hosts',
      help: 'file of trusted host keys',
    },
    parseText,
  ),
  hostKeyPolicy: value(
    {
      name: 'host-key-policy',
      placeholder: 'policy',
      choices: ['ask', 'accept-new'],
      fallback: 'ask',
      help: 'for an unknown host key of the console: ask (refuse without a terminal) or accept-new',
    },
    oneOf('ask', 'accept-new'),
  ),
  hostKey: list(
    {
      name: 'host-key',
      placeholder: 'fingerprint',
      help: "trust the console's host key with this fingerprint, without known_hosts; repeatable",
    },
    parseFingerprint,
  ),
  log: value(
    { name: 'log', placeholder: 'file', completes: 'files', help: "write the console's raw bytes to this file" },
    parseText,
  ),
  record: value(
    { name: 'record', placeholder: 'file', completes: 'files', help: 'record the console to this file, for asciinema' },
    parseText,
  ),
}
