import { readdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { download } from '../../../src/lab/machines/ipxe/download.ts'
import { FetchedFiles } from '../../../src/lab/machines/ipxe/fetched-files.ts'
import { type BootOutcome, runIpxe } from '../../../src/lab/machines/ipxe/interpreter.ts'
import { expandWord, parseLine } from '../../../src/lab/machines/ipxe/line.ts'
import { fakeArm64Image, fakeBzImage } from '../../helpers/image.ts'
import { parseZboot } from '../../../src/kernel-format.ts'
import { zbootOf } from '../../qemu/boot-server.ts'
import { type FileServer, serveFiles } from './boot-files.ts'

let server: FileServer
const closed = 'http://127.0.0.1:1'
beforeAll(async () => {
  server = await serveFiles({
    k: fakeBzImage(),
    arm: fakeArm64Image(),
    gz: Buffer.from('1f8b0800', 'hex'),
    i: 'initrd',
    denied: 403,
    unauthorized: 401,
    gone: 410,
    'q?a=b': 'found',
    broken: 500,
    moved: { redirect: '/k' },
    circle: { redirect: '/circle' },
    'sub/boot.ipxe': '#!ipxe\nkernel k ro\n',
    'sub/k': fakeBzImage(),
    'exits.ipxe': '#!ipxe\necho inner\nexit\necho not reached',
    'fails.ipxe': '#!ipxe\nkernel /missing',
    'loop.ipxe': '#!ipxe\nchain /loop.ipxe',
    text: 'no mark',
  })
})
afterAll(() => server[Symbol.asyncDispose]())

async function run(script: string, arch: 'x86_64' | 'aarch64' = 'x86_64') {
  server.files['auto.ipxe'] = script
  let screen = ''
  const outcome = await runIpxe(
    `${server.url}/auto.ipxe`,
    {
      arch,
      mac: '02:00:00:00:00:00',
      hostname: 'box',
      download,
      print: (text) => {
        screen += text
      },
    },
    AbortSignal.timeout(10_000),
  )
  const first = `${server.url}/auto.ipxe... ok\n`
  expect(screen.startsWith(first)).toBe(true)
  return { outcome, screen: screen.slice(first.length).replaceAll(server.url, 'URL') }
}

function summarise(outcome: BootOutcome): string {
  if (outcome.kind === 'failed') return `failed ${outcome.error}`
  if (outcome.kind !== 'boot') return outcome.kind
  const initrds = outcome.initrds.map(({ name, sizeBytes }) => `${name}:${sizeBytes}`)
  return `boot ${outcome.kernel.name} [${outcome.kernel.commandLine}] ${initrds.join(' ')}`
}

const notFound = 'Not found (http://ipxe.org/2d0c618e)'
const execFormat = 'Exec format error (http://ipxe.org/2e022001)'

describe('a script', () => {
  test.each<[name: string, script: string, screen: string, outcome: string]>([
    [
      'kernel, initrd, boot',
      '#!ipxe\nkernel URL/k  a   b\ninitrd URL/i\nboot',
      'URL/k... ok\nURL/i... ok\n',
      'boot k [a b] i:6',
    ],
    ['settings', '#!ipxe\nset u URL\nset p a b\nkernel ${u}/k ${p} c\nboot', 'URL/k... ok\n', 'boot k [a b c] '],
    ['nested settings', '#!ipxe\nset n x\nset x-y v\necho ${${n}-y} ${none}.', 'v .\n', 'exit'],
    [
      'names',
      '#!ipxe\nkernel --name n URL/k\ninitrd --name m URL/i\ninitrd -n o URL/i\nboot',
      'URL/k... ok\nURL/i... ok\nURL/i... ok\n',
      'boot n [] m:6 o:6',
    ],
    [
      'dhcp and comments',
      '#!ipxe\n# no\ndhcp # yes\necho a#b',
      'Configuring (net0 02:00:00:00:00:00)...... ok\na#b\n',
      'exit',
    ],
    [
      'a failing command ends the script',
      '#!ipxe\nkernel URL/x\necho no',
      `URL/x... ${notFound}\n`,
      `failed ${notFound}`,
    ],
    [
      '|| continues after a failure',
      '#!ipxe\nimgfetch URL/x || echo yes\nimgfetch URL/i || echo no',
      `URL/x... ${notFound}\nyes\nURL/i... ok\n`,
      'exit',
    ],
    ['|| with nothing after it', '#!ipxe\nimgfetch URL/x ||\necho on', `URL/x... ${notFound}\non\n`, 'exit'],
    [
      '&& continues after a success',
      '#!ipxe\nimgfetch URL/i && echo yes\nimgfetch URL/x && echo no ||',
      `URL/i... ok\nyes\nURL/x... ${notFound}\n`,
      'exit',
    ],
    [
      '403',
      '#!ipxe\nkernel URL/denied',
      'URL/denied... Operation not permitted (http://ipxe.org/410c613c)\n',
      'failed Operation not permitted (http://ipxe.org/410c613c)',
    ],
    [
      '500',
      '#!ipxe\nkernel URL/broken',
      'URL/broken... HTTP 5xx Server Error (http://ipxe.org/1d0c6539)\n',
      'failed HTTP 5xx Server Error (http://ipxe.org/1d0c6539)',
    ],
    [
      'no server listens',
      `#!ipxe\nkernel ${closed}/k`,
      `${closed}/k... Connection reset (http://ipxe.org/0f0a6039)\n`,
      'failed Connection reset (http://ipxe.org/0f0a6039)',
    ],
    [
      'https',
      '#!ipxe\nkernel https://127.0.0.1/k',
      'Could not start download: Operation not supported (http://ipxe.org/3c092003)\n',
      'failed Operation not supported (http://ipxe.org/3c092003)',
    ],
    ['a redirect', '#!ipxe\nkernel URL/moved\nboot', 'URL/moved... ok\n', 'boot k [] '],
    [
      'a redirect loop',
      '#!ipxe\nkernel URL/circle',
      'URL/circle... Too many levels of symbolic links (http://ipxe.org/1f0c6139)\n',
      'failed Too many levels of symbolic links (http://ipxe.org/1f0c6139)',
    ],
    [
      'not a kernel',
      '#!ipxe\nkernel URL/text',
      `URL/text... ok\nCould not select: ${execFormat}\n`,
      `failed ${execFormat}`,
    ],
    [
      'an arm64 kernel on x86_64',
      '#!ipxe\nkernel URL/arm',
      `URL/arm... ok\nCould not select: ${execFormat}\n`,
      `failed ${execFormat}`,
    ],
    ['boot without a kernel', '#!ipxe\nboot', 'No image selected\n', 'exit'],
    ['a query, not shown', '#!ipxe\nimgfetch URL/q?a=b', 'URL/q... ok\n', 'exit'],
    [
      '401',
      '#!ipxe\nkernel URL/unauthorized',
      'URL/unauthorized... Permission denied (http://ipxe.org/020c613c)\n',
      'failed Permission denied (http://ipxe.org/020c613c)',
    ],
    [
      '410',
      '#!ipxe\nkernel URL/gone',
      'URL/gone... HTTP 4xx Client Error (http://ipxe.org/1d0c6439)\n',
      'failed HTTP 4xx Client Error (http://ipxe.org/1d0c6439)',
    ],
    ['shell', '#!ipxe\nset iface eth0 || shell\nshell', 'iPXE> ', 'shell'],
    [
      'chain, relative',
      '#!ipxe\nchain --autofree URL/sub/boot.ipxe\nboot',
      'URL/sub/boot.ipxe... ok\nk... ok\n',
      'boot k [ro] ',
    ],
    [
      'chain to a script that exits',
      '#!ipxe\nchain URL/exits.ipxe\necho outer',
      'URL/exits.ipxe... ok\ninner\nouter\n',
      'exit',
    ],
    [
      'chain to a script that fails',
      '#!ipxe\nchain URL/fails.ipxe || echo still',
      `URL/fails.ipxe... ok\n/missing... ${notFound}\nCould not boot: ${notFound}\nstill\n`,
      'exit',
    ],
    [
      'chain to a file that is not a script',
      '#!ipxe\nchain URL/text',
      `URL/text... ok\nCould not boot: ${execFormat}\n`,
      `failed ${execFormat}`,
    ],
    ['imgfree', '#!ipxe\ninitrd URL/i\nimgfree\nkernel URL/k\nboot', 'URL/i... ok\nURL/k... ok\n', 'boot k [] '],
    ['exit', '#!ipxe\nexit\necho no', '', 'exit'],
    ['a failing exit', '#!ipxe\nexit 1', '', 'failed Error 0x00000001 (http://ipxe.org/00000001)'],
    ['goto', '#!ipxe\ngoto there\necho no\n:there\necho yes', 'yes\n', 'exit'],
    ['goto nowhere', '#!ipxe\ngoto there', '', 'failed No such file or directory (http://ipxe.org/2d02803b)'],
    ['an unknown command', '#!ipxe\nfrobnicate now', 'frobnicate: command not found\n', `failed ${execFormat}`],
    ['params', '#!ipxe\nparams\nparam type x\nisset ${mac} && echo ${mac:hexhyp}', '02:00:00:00:00:00\n', 'exit'],
    ['iseq', '#!ipxe\niseq a a && echo same\niseq a b || echo other', 'same\nother\n', 'exit'],
    ['echo -n', '#!ipxe\necho -n a\necho b', 'ab\n', 'exit'],
    ['carriage returns', '#!ipxe\r\necho a\r\n', 'a\n', 'exit'],
    ['no mark', 'echo a', '', `failed ${execFormat}`],
    ['a blank line before #!ipxe', '\n#!ipxe\necho a', '', `failed ${execFormat}`],
  ])('%s', async (_, script, screen, outcome) => {
    const result = await run(script.replaceAll('URL', server.url))
    expect(result.screen).toBe(screen)
    expect(summarise(result.outcome)).toBe(outcome)
  })

  test('on aarch64 boots an Image and refuses a gzip kernel', async () => {
    const good = await run(`#!ipxe\nkernel ${server.url}/arm\nboot`, 'aarch64')
    expect(summarise(good.outcome)).toBe('boot arm [] ')
    const packed = await run(`#!ipxe\nkernel ${server.url}/gz\nboot`, 'aarch64')
    expect(packed.screen).toBe(`URL/gz... ok\nCould not select: ${execFormat}\n`)
  })

  test('that chains itself ends with an error', async () => {
    const { outcome } = await run(`#!ipxe\nchain ${server.url}/loop.ipxe`)
    expect(outcome.kind).toBe('failed')
  })

  test('that loops forever ends when its signal aborts', async () => {
    server.files['auto.ipxe'] = '#!ipxe\n:a\ngoto a'
    const machine = { arch: 'x86_64', mac: '', hostname: '', print: () => {}, download } as const
    const running = runIpxe(`${server.url}/auto.ipxe`, machine, AbortSignal.timeout(100))
    await expect(running).rejects.toMatchObject({ name: /Timeout|Abort/ })
  })

  test('is fetched with the user agent of iPXE', async () => {
    await run('#!ipxe\n')
    expect(server.requests.at(-1)).toEqual({ path: 'auto.ipxe', agent: 'iPXE/1.x (simulated)' })
  })
})

// As Debian's iPXE of 2019 reads them, verified in QEMU or from its source.
test.each([
  ['set v one\\\ntwo \\\n three\necho {${v}}', '{onetwo three}\n', 'exit'],
  ['set v CR\\\r\nNEXT\r\necho {${v}}', '{CRNEXT}\n', 'exit'],
  ['set v q\\ \necho {${v}}', '{q\\}\n', 'exit'],
  ['# comment \\\necho SWALLOWED\necho AFTER', 'AFTER\n', 'exit'],
  ['  :label echo LABELLED\n\n \t echo INDENT  x', 'LABELLED\nINDENT x\n', 'exit'],
  ['echo a\necho b\\', 'a\n', 'failed Invalid argument (http://ipxe.org/1c028002)'],
  ['echo a\necho b\\\n', 'a\n', 'failed Invalid argument (http://ipxe.org/1c028002)'],
  ['goto on\necho passed over\n:on echo on', 'on\n', 'exit'],
  ['echo a\u00a0b\u2003c\vd\fe', 'a\u00a0b\u2003c d e\n', 'exit'],
  ['echo P ${nope} b', 'P  b\n', 'exit'],
  [`echo "a  b" 'c  d' a\\ b`, `"a b" 'c d' a\\ b\n`, 'exit'],
  ['echo a &&b c;d ;e && echo f ; echo g', 'a &&b c;d ;e\nf\ng\n', 'exit'],
])('reads the lines of %j', async (lines, screen, outcome) => {
  const ran = await run(`#!ipxe\n${lines}`)
  expect([ran.screen, summarise(ran.outcome)]).toEqual([screen, outcome])
})

test('a line is parsed into words and operators', () => {
  expect(parseLine('a b || c && d # e')).toEqual([
    { after: 'always', words: ['a', 'b'] },
    { after: 'failure', words: ['c'] },
    { after: 'success', words: ['d'] },
  ])
})

test('a setting that refers to itself stops expanding', () => {
  expect(expandWord('${a}', new Map([['a', '${a}']]))).toBe('${a}')
})

test('a large file is counted, not kept in memory', async () => {
  server.files['big'] = Buffer.alloc(8 * 1024 * 1024)
  const fetched = await download(`${server.url}/big`, AbortSignal.timeout(10_000))
  expect(fetched).toMatchObject({ sizeBytes: 8 * 1024 * 1024 })
  expect('head' in fetched && fetched.head.length).toBe(256 * 1024)
})

test('a script that doubles a setting endlessly fails instead of exhausting memory', async () => {
  const { outcome } = await run('#!ipxe\nset a 0123456789abcdef\n:on\nset a ${a}${a}\ngoto on')
  expect(summarise(outcome)).toBe('failed Not enough space (http://ipxe.org/31)')
  const more = await run('#!ipxe\nset a 0123456789abcdef\n:on\nset a${a} 1\nset a ${a}x\ngoto on')
  expect(summarise(more.outcome)).toBe('failed Not enough space (http://ipxe.org/31)')
})

test('files that do not fit into the memory of the machine are not fetched completely', async () => {
  server.files['big'] = Buffer.alloc(2 ** 20)
  await using files = new FetchedFiles(1.5 * 2 ** 20)
  const signal = AbortSignal.timeout(10_000)
  expect(await files.download(`${server.url}/big`, signal)).toMatchObject({ sizeBytes: 2 ** 20 })
  expect(await files.download(`${server.url}/big`, signal)).toEqual({ error: 'Not enough space (http://ipxe.org/31)' })
})

/** Runs a script as an arm64 machine does, with its files stored. */
async function runStored(script: string, files: FetchedFiles) {
  server.files['stored.ipxe'] = script
  const machine = {
    arch: 'aarch64' as const,
    mac: '',
    hostname: '',
    print: () => {},
    download: (...what: Parameters<FetchedFiles['download']>) => files.download(...what),
  }
  return await runIpxe(`${server.url}/stored.ipxe`, machine, AbortSignal.timeout(20_000))
}
const countOpenFiles = () => readdirSync('/proc/self/fd').length

test('a script that fetches files endlessly fails instead of opening files without end', async () => {
  await using files = new FetchedFiles(2 ** 30)
  const before = countOpenFiles()
  const outcome = await runStored('#!ipxe\n:on\ninitrd /i\ngoto on', files)
  expect(outcome).toEqual({ kind: 'failed', error: 'Not enough space (http://ipxe.org/31)' })
  expect(countOpenFiles() - before).toBeLessThan(70)
})

test.each([
  ['fails to fetch a file', 'initrd /missing ||'],
  ['frees its files', 'initrd /i\nimgfree'],
  ['chains another, with --autofree', 'chain --autofree /exits.ipxe ||'],
])('a script that %s a hundred times keeps no file open', async (_, line) => {
  await using files = new FetchedFiles(2 ** 20)
  const before = countOpenFiles()
  const outcome = await runStored(`#!ipxe\n${`${line}\n`.repeat(100)}initrd /i\nkernel /arm\nboot`, files)
  expect(outcome.kind).toBe('boot')
  expect(countOpenFiles() - before).toBeLessThan(10)
})

test('a kernel that unpacks to more than the memory of the machine is refused', async () => {
  server.files['bomb'] = zbootOf(gzipSync(Buffer.alloc(8 * 2 ** 20)))
  await using files = new FetchedFiles(2 ** 20)
  const fetched = await files.download(`${server.url}/bomb`, AbortSignal.timeout(10_000))
  if ('error' in fetched || fetched.fd === undefined) throw new Error('it is not fetched')
  const zboot = parseZboot(fetched.head)
  if (zboot === undefined) throw new Error('it is no zboot kernel')
  await expect(files.unpack(fetched.fd, zboot)).rejects.toThrow('does not fit into the memory of the machine')
})
