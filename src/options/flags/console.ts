// Flags of the console: whom to trust, with which key, and what is kept of it.
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
      help: 'host keys that are trusted',
    },
    parseText,
  ),
  hostKeyPolicy: value(
    {
      name: 'host-key-policy',
      placeholder: 'policy',
      choices: ['ask', 'accept-new'],
      fallback: 'ask',
      help: 'an unknown console host: ask (without a terminal refuse), or accept-new',
    },
    oneOf('ask', 'accept-new'),
  ),
  hostKey: list(
    {
      name: 'host-key',
      placeholder: 'fingerprint',
      help: "fingerprint of the console host's key, trusted without known_hosts; repeatable",
    },
    parseFingerprint,
  ),
  log: value(
    { name: 'log', placeholder: 'file', completes: 'files', help: "keep the console's raw bytes there" },
    parseText,
  ),
  record: value(
    { name: 'record', placeholder: 'file', completes: 'files', help: 'record the console there, for asciinema' },
    parseText,
  ),
}
