// Every local user sees the command lines of all processes, so none of a machine's processes may show the secret in its boot URL.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createQemuDriver } from '../../src/lab/machines/qemu/qemu.ts'
import { bootUrlOf, startTestLab, waitUntil } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { createRecorder } from '../helpers/recorder.ts'
import { arm64SayProgram, startBootServer } from './boot-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'metalkit-process-list-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The command lines of all processes, as /proc shows them. */
function readCommandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
}

const programs = ['qemu-system-x86_64', 'qemu-system-aarch64'] as const

describe('the process list', { ...needs(...programs), timeout: 120_000 }, () => {
  test.each([
    ['c3.small.x86', programs[0]],
    ['c3.large.arm64', programs[1]],
  ])('does not reveal the boot URL of a %s machine', async (plan, program) => {
    await using server = await startBootServer({ '/x': '#!ipxe\nkernel /k\nboot\n', '/k': arm64SayProgram('here') })
    const driver = await createQemuDriver({ diskFolder: folder, accelerator: 'tcg', report: createRecorder() })
    await using lab = await startTestLab({ driver, capacity: { memoryMib: 2 ** 20, cpus: 64 } })
    const body = { plan, metro: 'ny', operating_system: 'custom_ipxe', ipxe_script_url: `${server.url}/x` }
    const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
    const secret = new URL(bootUrlOf(lab, json.id)).pathname.split('/')[2] ?? ''
    expect(secret).toMatch(/^.{16,}$/)
    const seen = new Set<string>()
    // Before QEMU starts, the lab runs other processes on the files of an arm64 machine.
    await waitUntil(
      () => {
        for (const line of readCommandLines()) seen.add(line)
        return server.asked.includes('/k') && [...seen].some((line) => line.includes(program) && line.includes(json.id))
      },
      (done) => done,
    )
    expect([...seen].filter((line) => line.includes(secret))).toEqual([])
    const origin = new URL(lab.apiUrl).origin
    for (const key of [json.id, 'x', secret.slice(1)]) {
      expect((await fetch(`${origin}/boot/${key}/auto.ipxe`)).status).toBe(404)
    }
    expect((await fetch(`${origin}/boot/${secret}/auto.ipxe`)).status).toBe(200)
  })
})
