// `run oci` with a machine of QEMU: real iPXE follows the chain to the served script, and its serial line comes through two hops.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeTestFolder } from '../helpers/folder.ts'
import { makeImage } from '../helpers/image.ts'
import { needs } from '../helpers/needs.ts'
import { findFreePort } from '../helpers/port.ts'
import { program } from '../helpers/program.ts'

describe('run oci', needs('qemu-system-x86_64'), () => {
  let image: Awaited<ReturnType<typeof makeImage>>
  beforeAll(async () => {
    image = await makeImage()
  })
  afterAll(() => image[Symbol.asyncDispose]())

  test('boots the image over iPXE in QEMU', { timeout: 200_000 }, async () => {
    const url = `127.0.0.1:${await findFreePort()}`
    const metalkit = [process.execPath, program]
    // The kernel is not one, so iPXE cannot boot it; it has fetched everything before.
    const watching = ['-wait-for', 'demo-initrd', '-no-default-failures', '-timeout', '3m']
    const shape = ['-machine', 'BM.Standard.E4.128']
    const run = ['run', 'oci', '-serve', url, '-base-url', `http://${url}`, ...shape, ...watching, image.prefix]
    const lab = ['lab', '--cloud', 'oci', '--machines', 'qemu', '--accelerator', 'tcg', '--', ...metalkit, ...run]
    const child = spawn(process.execPath, [program, ...lab], {
      env: { PATH: process.env['PATH'], HOME: makeTestFolder() },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const [code]: unknown[] = await once(child, 'close')
    expect(code, said).toBe(0)
    expect(said).toMatch(/GET \/demo-oci\.ipxe 200/)
    expect(said).toMatch(/iPXE 1\./)
    expect(said).toMatch(/The machine ocid1\.instance\.\S+ is deleted\./)
  })
})
