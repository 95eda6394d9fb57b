// The parsed values of flags at the limits of what is accepted, and the hint of each refusal.
import { describe, expect, test } from 'vitest'
import * as values from '../../../src/options/flags/values.ts'

/** The result of a parser for a text: its value, or the refusal's message with its hint. */
function read(parse: (text: string) => unknown, text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof values.Refusal) return `${error.message}; ${error.hint}`
    throw error
  }
}

const noDuration = 'is not a duration; write it as 90s, 10m or 1h30m'
const outOfRange = 'is not between 1ms and 24 days; choose a duration in that range'
const noApi = 'is not an http or https URL; write it as https://api.equinix.com/metal/v1'
const noUrl = 'is not an http or https URL; write it as http://host[:port]/path'
const noLab = 'is not a valid name for a lab; use up to 32 lower-case letters, digits and hyphens'
const noHost = 'is not a host; write it as host, host:port or [address]:port'
const noHostPort = 'has no valid port; choose a port from 1 to 65535'
const noListen = 'is not an address to listen on; write it as :8080, 8080 or 127.0.0.1:8080'
const noListenPort = 'has no valid port; write it as :8080, 8080 or 127.0.0.1:8080'
const noLevel = 'is not a verbosity level; write 0, 1 or 2'
const noKey = (code: string) => `contains "\\${code}", which is not an escape sequence; write a backslash as \\\\`
const noFingerprint = 'is not a fingerprint; write it as ssh-keygen -l prints it: SHA256: and 43 characters'
const noHostname = 'is not a host name; use letters, digits, dots and hyphens only; the API does not accept underscores'
const noId = 'is not an id; it looks like 4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c'
const hash = 'a+/0'.repeat(10)

describe.each<[name: string, parse: (text: string) => unknown, rows: (readonly [text: string, value: unknown])[]]>([
  [
    'parseBoolean',
    values.parseBoolean,
    [
      ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true] as const),
      ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false] as const),
      ['yes', true],
      ['on', true],
      ['no', false],
      ['off', false],
      ['maybe', 'is neither true nor false; write true or false'],
    ],
  ],
  [
    'parseCount',
    values.parseCount,
    [
      ['0', 0],
      ['9', 9],
      ['', noLevel],
      ['12', noLevel],
      ['x1', noLevel],
      ['-1', noLevel],
    ],
  ],
  [
    'parseToken',
    values.parseToken,
    [
      [' t\r\n', 't'],
      ['', ''],
      ['!~', '!~'],
      ['a b', 'contains characters that no token has; copy it again'],
      ['é', 'contains characters that no token has; copy it again'],
    ],
  ],
  [
    'parseAge',
    values.parseAge,
    [
      ['0s', 0],
      ['250ms', 250],
      ['1.5s', 1500],
      ['0.25h', 900_000],
      ['1h30m2s', 5_402_000],
      ['1h1h', 7_200_000],
      ['10000h', 36_000_000_000],
      ...['', '5', 's', '5 s', 'x5s', '5sx', '5d', '.5s', '5.s', '1.xs', '-5s', '1h,5m'].map(
        (text) => [text, noDuration] as const,
      ),
    ],
  ],
  [
    'parseDuration',
    values.parseDuration,
    [
      ['1ms', 1],
      ['2147483647ms', 2_147_483_647],
      ['2147483648ms', outOfRange],
      ['0ms', outOfRange],
      ['0.0h', outOfRange],
      ['5', noDuration],
    ],
  ],
  [
    'parseBaseUrl',
    values.parseBaseUrl,
    [
      ['http://a/x/', 'http://a/x/'],
      ['https://a', 'https://a'],
      [
        'HTTPS://a',
        'cannot be fetched by iPXE: iPXE accepts "https", not "HTTPS"; write it as http://host[:port]/path',
      ],
      ['', 'is empty; write it as http://host[:port]/path'],
      ['ftp://http://a', noUrl],
      ['http:/a', noUrl],
      ['http://a:99999', noUrl],
      [
        'http://a\u00a0b',
        'contains white space, which would end the line in the iPXE script; write it as http://host[:port]/path',
      ],
    ],
  ],
  [
    'parseApiUrl',
    values.parseApiUrl,
    [
      ['https://a/v1', 'https://a/v1'],
      ['HTTP://a//', 'HTTP://a'],
      ...['', 'a', 'ftp://a', 'x:http://a', 'http://', 'http://a/ b', ' http://a', 'file:///v1'].map(
        (text) => [text, noApi] as const,
      ),
    ],
  ],
  [
    'parseLabName',
    values.parseLabName,
    [
      ['a', 'a'],
      ['0-b-', '0-b-'],
      ['a'.repeat(32), 'a'.repeat(32)],
      ...['', 'a'.repeat(33), '-a', 'A', 'a/b', '../a', 'a ', 'a_b'].map((text) => [text, noLab] as const),
    ],
  ],
  [
    'parseHost',
    values.parseHost(22),
    [
      ['host', { host: 'host', port: 22 }],
      ['host:1', { host: 'host', port: 1 }],
      ['host:65535', { host: 'host', port: 65_535 }],
      ['[2001:DB8::1]', { host: '2001:DB8::1', port: 22 }],
      ['[::ffff:10.0.0.1]:2222', { host: '::ffff:10.0.0.1', port: 2222 }],
      ['host:0', noHostPort],
      ['host:65536', noHostPort],
      ...['', 'host:', ':22', 'a b', 'me@host', 'host/x', '::1', '[::1', '[]', '[host]', 'host:22x', '[::1]22'].map(
        (text) => [text, noHost] as const,
      ),
    ],
  ],
  [
    'parseListen',
    values.parseListen,
    [
      ['0', { host: '', port: 0 }],
      ['65535', { host: '', port: 65_535 }],
      [':8080', { host: '', port: 8080 }],
      ['localhost:1', { host: 'localhost', port: 1 }],
      ['[::1]:1', { host: '::1', port: 1 }],
      ['65536', noListenPort],
      ...['', ':', 'host', '::1', '[::1]', 'me@h:1', 'h/x:1', 'a b:1', '8080x', 'x8080', '[x]:1', 'a:1:2'].map(
        (text) => [text, noListen] as const,
      ),
    ],
  ],
  [
    'parsePattern',
    values.parsePattern,
    [
      ['^a$', /^a$/m],
      [
        '[',
        'is not a regular expression (Invalid regular expression: /[/m: Unterminated character class); put a backslash before characters that are meant literally',
      ],
    ],
  ],
  [
    'parseKeys',
    values.parseKeys,
    [
      ['plain', 'plain'],
      ['\\r\\n\\t\\b\\e\\\\', '\r\n\t\b\u001b\\'],
      ['\\x1B[A', '\u001b[A'],
      ['\\u00e9t\\u00E9', 'été'],
      ['\\x4g', noKey('x')],
      ['\\u00g9', noKey('u')],
      ['\\q', noKey('q')],
      ['a\\', noKey('')],
      ['\\\n', noKey('\n')],
    ],
  ],
  [
    'parseFingerprint',
    values.parseFingerprint,
    [
      [`SHA256:${hash}abc`, `SHA256:${hash}abc`],
      [`SHA256:${hash}abc=`, `SHA256:${hash}abc`],
      ...[
        `SHA256:${hash}ab`,
        `SHA256:${hash}abcd`,
        `xSHA256:${hash}abc`,
        `SHA256:${hash}abc==`,
        `sha256:${hash}abc`,
      ].map((text) => [text, noFingerprint] as const),
    ],
  ],
  [
    'oneOf',
    values.oneOf('one', 'two'),
    [
      ['two', 'two'],
      ['three', 'is not a valid choice; choose one of one, two'],
    ],
  ],
  [
    'parseHostname',
    values.parseHostname,
    [
      ['a', 'a'],
      ['A-1.example', 'A-1.example'],
      ['a'.repeat(253), 'a'.repeat(253)],
      ...['', 'a'.repeat(254), '-a', 'a-', 'a_b', 'a b', 'a\n'].map((text) => [text, noHostname] as const),
    ],
  ],
  [
    'parseId',
    values.parseId,
    [
      ['4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c', '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c'],
      ...['', '../users', 'a/../b', 'a?b', 'a b', 'a/'].map((text) => [text, noId] as const),
    ],
  ],
])('%s', (_name, parse, rows) => {
  test.each(rows)('%j', (text, value) => expect(read(parse, text)).toEqual(value))
})
