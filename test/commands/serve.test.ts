// metalkit serve as users run it: the built program, real signals.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { truncate, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { start as startInProcess } from '../helpers/io.ts'
import { needs } from '../helpers/needs.ts'
import { findFreePort, listen } from '../helpers/port.ts'
import { program } from '../helpers/program.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { request, until } from '../serve/help-serve.ts'
import { InterruptedError } from '../../src/errors.ts'
import { nowhere } from '../helpers/nowhere.ts'

let folder: TestFolder

beforeAll(async () => {
  folder = makeFolder()
  await writeFile(join(folder.path, 'small'), 'small')
})

afterAll(() => folder[Symbol.dispose]())

/** The program, with its output so far and its exit. */
function start(...args: string[]) {
  const child: ChildProcessWithoutNullStreams = spawn(process.execPath, [program, 'serve', ...args], {
    env: { PATH: process.env['PATH'], HOME: folder.path },
  })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()))
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => ({ code, signal, ...said }))
  return { child, said, ended }
}

/** Waits for the line with the URL. */
async function portOf(said: { stderr: string }): Promise<number> {
  await until(() => /^serving .*\n/.test(said.stderr))
  return Number(/:(\d+)\/\n/.exec(said.stderr)?.[1])
}

/** Whether a server listens. */
async function isTaken(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const isThere = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return isThere
}

describe('served until a signal', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it with exit code 0 and frees the port', async (signal) => {
    const { child, said, ended } = start('-port', '127.0.0.1:0', folder.path)
    const port = await portOf(said)
    expect((await request(port, '/small')).body).toBe('small')
    // An idle connection, and one without a request, do not delay the end.
    await fetch(`http://127.0.0.1:${port}/small`).then((answer) => answer.text())
    child.kill(signal)
    const { code, stdout, stderr } = await ended
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr.replaceAll(/\d\d:\d\d:\d\d|\d+ ms/g, 'T')).toBe(
      `serving ${folder.path} at http://127.0.0.1:${port}/\n${'T 127.0.0.1 GET /small 200 5 bytes T\n'.repeat(2)}`,
    )
    expect(await isTaken(port)).toBe(false)
  })

  test('SIGHUP ends it too, as an interruption', async () => {
    const { child, said, ended } = start('-q=false', '--port=127.0.0.1:0', '--directory', folder.path)
    await portOf(said)
    child.kill('SIGHUP')
    expect((await ended).code).toBe(129)
  })

  test('-q logs nothing', async () => {
    const port = await findFreePort()
    const { child, said, ended } = start('-q', '-port', `127.0.0.1:${port}`, folder.path)
    await until(() => isTaken(port))
    await request(port, '/small')
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(said.stderr).toBe('')
  })
})

describe('errors of serve', () => {
  test('a taken port', async () => {
    const holder = createServer()
    const port = await listen(holder)
    const { ended } = start('-port', `127.0.0.1:${port}`, folder.path)
    expect(await ended).toEqual({
      code: 5,
      signal: null,
      stdout: '',
      stderr: `metalkit: serve: cannot listen on "127.0.0.1:${port}": port ${port} is taken by another program; choose another, such as 127.0.0.1:${port + 1}, or stop that program (ss -ltnp "sport = :${port}" names it)\n`,
    })
    holder.close()
  })

  test('a missing folder', async () => {
    expect(await start(nowhere).ended).toMatchObject({
      code: 5,
      stderr: `metalkit: serve: folder "${nowhere}" does not exist; name an existing folder, or write an image to it with metalkit push first\n`,
    })
  })
})

/** Runs serve in this process until it has printed its URL. */
const serving = async (argv: string[], env: Record<string, string> = {}) => {
  const one = startInProcess(['serve', '-port', '127.0.0.1:0', ...argv], env)
  await Promise.race([one.code, until(() => one.texts.stderr.includes('\n'))])
  one.interrupt(new InterruptedError('SIGINT'))
  return { code: await one.code, said: one.texts.stderr.replace(/ at http.*\n/, '\n') }
}

describe('flags', () => {
  test('--json reports each request to scripts', async () => {
    const { child, said, ended } = start('-port', '127.0.0.1:0', '-json', folder.path)
    const port = await portOf(said)
    await request(port, '/small')
    await request(port, '/none')
    child.kill('SIGINT')
    const { stdout } = await ended
    const common = { version: 1, time: expect.any(String), event: 'served', client: '127.0.0.1', method: 'GET' }
    const events: unknown[] = stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(events).toEqual([
      { ...common, path: '/small', status: 200, bytes: 5, ms: expect.any(Number), complete: true },
      { ...common, path: '/none', status: 404, bytes: 14, ms: expect.any(Number), complete: true },
    ])
  })

  test('a certificate without its key is a mistake', async () => {
    expect(await start('-tls-cert', 'x.pem', folder.path).ended).toMatchObject({
      code: 2,
      stderr: 'metalkit: usage: --tls-cert is given without --tls-key; pass both, or neither for plain HTTP\n',
    })
  })
})

test('in a terminal, booting machines are shown below the log, and removed at the end', needs('script'), async () => {
  const command = `${process.execPath} ${program} serve -port 127.0.0.1:0 ${folder.path}`
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { PATH: process.env['PATH'], HOME: folder.path },
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await until(() => /serving .*\r\n/.test(text))
  await request(Number(/:(\d+)\//.exec(text)?.[1]), '/x-kernel')
  await until(() => text.includes('machine    script  kernel  initrd\r\n127.0.0.1  -       404     -'))
  child.stdin.write('\u0003')
  await once(child, 'close')
  // One line up, and everything below it erased.
  expect(text.endsWith('\r\u001b[1A\u001b[J')).toBe(true)
})

describe('which folder', () => {
  test.each([
    [['src'], {}, 0, 'serving src\n'],
    [['-directory', 'src'], {}, 0, 'serving src\n'],
    [[], { METAL_DIRECTORY: 'src' }, 0, 'serving src\n'],
    [['test'], { METAL_DIRECTORY: 'src' }, 0, 'serving test\n'],
    [['src', '-directory', 'src'], {}, 0, 'serving src\n'],
    [[], {}, 0, 'serving .\n'],
    [
      ['test', '-directory', 'src'],
      {},
      2,
      'metalkit: usage: two directories are given, "test" and --directory "src"; pass only one of them\n',
    ],
  ])('%j with %j', async (argv, env, code, said) => {
    expect(await serving(argv, env)).toEqual({ code, said })
  })
})

test('three hundred stalled clients use little memory, and another client gets the whole file', async () => {
  const big = join(folder.path, 'huge')
  await writeFile(big, '')
  await truncate(big, 1_000_000_000)
  const { child, said, ended } = start('-port', '127.0.0.1:0', folder.path)
  const port = await portOf(said)
  const stopped = await Promise.all(
    Array.from({ length: 300 }, async (_, i) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {}).pause()
      // Each from another offset, so that they share no chunks.
      socket.write(`GET /huge HTTP/1.1\r\nHost: a\r\nRange: bytes=${i * 3_000_000}-\r\n\r\n`)
      await once(socket, 'connect')
      return socket
    }),
  )
  const answer = await fetch(`http://127.0.0.1:${port}/huge`, { headers: { Range: 'bytes=0-99999999' } })
  expect((await answer.arrayBuffer()).byteLength).toBe(100_000_000)
  const kilobytes = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1])
  expect(kilobytes / 1000).toBeLessThan(200)
  for (const socket of stopped) socket.destroy()
  child.kill('SIGINT')
  await ended
})

test('a second signal closes at once, even with active clients', async () => {
  const big = join(folder.path, 'big')
  await writeFile(big, Buffer.alloc(64 * 1024 * 1024))
  const { child, said, ended } = start('-port', '127.0.0.1:0', folder.path)
  const port = await portOf(said)
  const reader = connect(port, '127.0.0.1')
  reader.on('error', () => {})
  reader.write('GET /big HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(reader, 'readable')
  child.kill('SIGINT')
  await until(async () => !(await isTaken(port)))
  child.kill('SIGINT')
  expect(await ended).toMatchObject({ code: 0, stderr: expect.stringContaining('(aborted)') })
  reader.destroy()
})
