// The whole program with the most readers it accepts, each at a different offset of a large file and reading nothing.
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { until } from './help-serve.ts'

const readers = 500
const stepBytes = 512 * 1024
const probe = { at: (readers - 50) * stepBytes, bytes: randomBytes(3_000_001) }
let folder: TestFolder
const at = (name: string) => join(folder.path, name)

beforeAll(async () => {
  folder = makeFolder()
  const big = await open(at('big'), 'w')
  await big.truncate(readers * stepBytes)
  await big.write(probe.bytes, 0, probe.bytes.length, probe.at)
  await big.close()
})

afterAll(() => folder[Symbol.dispose]())

/** Starts `metalkit serve` over the folder. */
async function startProgram(...flags: string[]) {
  const child = spawn(process.execPath, [program, 'serve', '--port', '127.0.0.1:0', ...flags, folder.path], {
    env: { PATH: process.env['PATH'], HOME: folder.path },
  })
  let said = ''
  child.stdout.resume()
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await until(() => /^serving .*\n/.test(said))
  return {
    port: Number(/127\.0\.0\.1:(\d+)/.exec(said)?.[1]),
    /** Peak memory in MB. */
    async peakMb() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      return (Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024) / 1e6
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

/** Requests the file from an offset to its end. */
function ask(port: number, tls: boolean, range: string): Socket {
  const where = { port, host: '127.0.0.1' }
  const socket = tls ? connectTls({ ...where, rejectUnauthorized: false }) : connect(where)
  socket.on('error', () => {})
  socket.write(`GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\nRange: bytes=${range}\r\n\r\n`)
  return socket
}

describe('memory stays under 200 MB with 500 stalled readers, and other clients are still served', () => {
  test('http', async () => {
    await using server = await startProgram()
    await checkReaders(server, false)
  })

  test('https', needs('openssl'), async () => {
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    execFileSync('openssl', ['req', '-x509', ...kind, '-subj', '/CN=a', '-keyout', at('key'), '-out', at('cert')], {
      stdio: 'ignore',
    })
    await using server = await startProgram('--tls-cert', at('cert'), '--tls-key', at('key'))
    await checkReaders(server, true)
  })
})

async function checkReaders(server: Awaited<ReturnType<typeof startProgram>>, tls: boolean): Promise<void> {
  const sockets: Socket[] = []
  let answered = 0
  try {
    for (let i = 0; i < readers; i++) {
      const socket = ask(server.port, tls, `${i * stepBytes}-`)
      sockets.push(socket)
      socket.once('data', (chunk: Buffer) => {
        expect(chunk.toString('latin1', 0, 20)).toContain(' 206 ')
        answered++
        socket.pause()
      })
    }
    await until(() => answered === readers)
    for (const start of [probe.at, probe.at + 1, probe.at + stepBytes + 70_000]) {
      const end = probe.at + probe.bytes.length
      const chunks: Buffer[] = []
      const socket = ask(server.port, tls, `${start}-${end - 1}`)
      socket.on('data', (chunk: Buffer) => chunks.push(chunk))
      await once(socket, 'close')
      const answer = Buffer.concat(chunks)
      const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4)
      expect(body.equals(probe.bytes.subarray(start - probe.at)), `from ${start}`).toBe(true)
    }
    expect(await server.peakMb()).toBeLessThan(200)
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}
