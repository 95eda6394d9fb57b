// A name server that never answers: each look-up takes half a minute, in a thread that nothing ends but a signal.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { quoteValue } from '../../src/text/shell-word.ts'
import { makeFolder } from '../helpers/folder.ts'
import { makeImage } from '../helpers/image.ts'
import { waitUntil } from '../helpers/lab.ts'
import { needs, needsMountOf } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'

/** Notes the first query in a file. */
const silentServer = `
const { writeFileSync } = require('node:fs')
const socket = require('node:dgram').createSocket('udp4')
socket.on('message', () => writeFileSync('asked', '')).bind(53, '127.0.0.1', () => writeFileSync('ready', ''))`

/** Runs the program in a network in which only that server exists. */
async function runThere(folder: string, args: readonly string[], resolver: string, end: NodeJS.Signals | undefined) {
  writeFileSync(join(folder, 'resolv.conf'), `nameserver 127.0.0.1\noptions ${resolver}\n`)
  const node = quoteValue(process.execPath)
  const script = `ip link set lo up && mount --bind resolv.conf /etc/resolv.conf || exit
${node} -e ${quoteValue(silentServer)} & server=$!
until [ -e ready ]; do sleep 0.1; done
sh -c ${quoteValue(`echo $$ > pid; exec ${[process.execPath, program, ...args].map(quoteValue).join(' ')}`)}
code=$?; kill $server; exit $code`
  const child = spawn('unshare', ['-rmn', 'sh', '-c', script], {
    cwd: folder,
    detached: true,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      METAL_API_URL: 'http://api.metal.example/metal/v1',
      METAL_API_TOKEN: 'sesame',
      METAL_PROJECT_ID: 'f9b0a5a6-5f0e-4a4d-9a55-9f9b0f0a0a01',
    },
  })
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const closed = once(child, 'close')
  try {
    await waitUntil(
      () => existsSync(join(folder, 'asked')),
      (asked) => asked,
      20_000,
    )
    const startedMs = performance.now()
    if (end !== undefined) process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), end)
    const [code] = await closed
    return { code: Number(code), stderr, tookMs: performance.now() - startedMs }
  } finally {
    // The server, too, if the test has failed.
    const isOver = child.exitCode !== null || child.signalCode !== null
    if (!isOver && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }
}

const isPossible = { skip: needs('unshare', 'ip', 'mount').skip || needsMountOf('tmpfs').skip, timeout: 60_000 }

test.each([
  ['ls', ['ls']],
  ['run', ['run', 'equinixmetal', '-base-url', 'http://files.metal.example']],
  ['verify', ['verify', 'http://files.metal.example', 'demo']],
] as const)('%s ends at once by a signal', isPossible, async (command, args) => {
  using folder = makeFolder()
  await using image = await makeImage()
  const words = command === 'run' ? [...args, image.prefix] : args
  const { code, stderr, tookMs } = await runThere(folder.path, words, 'timeout:10 attempts:3', 'SIGTERM')
  expect(code, stderr).toBe(143)
  expect(stderr).toContain('interrupted: by SIGTERM')
  expect(stderr).toContain('a name server does not respond; exiting without waiting for it')
  expect(tookMs).toBeLessThan(8000)
})

test('a time limit keeps its exit code', isPossible, async () => {
  using folder = makeFolder()
  await using image = await makeImage()
  const run = ['run', 'equinixmetal', '-base-url', 'http://files.metal.example', '-wait-for', 'x', '-timeout', '2s']
  const { code, stderr } = await runThere(folder.path, [...run, image.prefix], 'timeout:3 attempts:1', undefined)
  expect(code, stderr).toBe(8)
})
