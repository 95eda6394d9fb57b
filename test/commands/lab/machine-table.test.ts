import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { renderMachines } from '../../../src/commands/lab/machine-table.ts'
import { createReporter } from '../../../src/io.ts'
import { equinixMetal } from '../../../src/lab/api/face.ts'
import { createEvent } from '../../../src/lab/cloud/device-events.ts'
import { oracleCloud } from '../../../src/lab/oci/face.ts'
import { needs } from '../../helpers/needs.ts'
import { program } from '../../helpers/program.ts'
import { makeDevice } from '../../lab/cloud/make-device.ts'

const createdAt = '2026-01-01T00:00:00Z'
const nowMs = Date.parse('2026-01-01T00:01:30Z')
const { words } = equinixMetal

test('the table has the newest machines first, the most important columns on the left, and no more rows than fit', () => {
  expect(renderMachines([], 5, nowMs, words)).toBe('')
  const devices = [
    makeDevice({
      hostname: 'one',
      createdAt,
      state: 'active',
      events: [createEvent('user.1000', 'up \u001b[31mand\nrunning')],
    }),
    makeDevice({
      hostname: 'a-host-name-that-is-longer.example.com',
      createdAt,
      state: 'provisioning',
      percentage: 40,
    }),
    makeDevice({ hostname: 'three', createdAt }),
  ]
  const lines = [
    'HOSTNAME                  STATE             AGE  PLAN          LAST EVENT',
    'three                     queued            1m   c3.small.x86',
    'a-host-name-that-is-l...  provisioning 40%  1m   c3.small.x86',
    'one                       active            1m   c3.small.x86  up  [31mand running',
  ]
  expect(renderMachines(devices, 3, nowMs, words).split('\n')).toEqual(lines)
  expect(renderMachines(devices, 2, nowMs, words).split('\n')).toEqual([...lines.slice(0, 3), 'and 1 more'])
})

test('the table has the words of its cloud', () => {
  const devices = [makeDevice({ hostname: 'one', createdAt, state: 'provisioning', percentage: 40 })]
  expect(renderMachines(devices, 3, nowMs, oracleCloud.words).split('\n')).toEqual([
    'HOSTNAME  STATE             AGE  SHAPE         LAST EVENT',
    'one       PROVISIONING 40%  1m   c3.small.x86',
  ])
})

test('redrawing also erases the rows into which a narrower terminal has wrapped its lines', () => {
  const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 60 })
  const report = createReporter({ stderr, verbosity: 0 })
  const written = () => String(stderr.read())
  report.progress(`${'a'.repeat(50)}\n${'b'.repeat(10)}`)
  expect(written()).toBe(`\r\u001b[K${'a'.repeat(50)}\n${'b'.repeat(10)}`)
  stderr.columns = 25
  report.progress(`${'a'.repeat(50)}\n${'b'.repeat(10)}`)
  expect(written()).toBe(`\r\u001b[2A\u001b[J${'a'.repeat(22)}\n${'b'.repeat(10)}`)
  report.info('said')
  expect(written()).toBe(`\r\u001b[1A\u001b[Jsaid\n${'a'.repeat(22)}\n${'b'.repeat(10)}`)
  report.progress('')
  expect(written()).toBe('\r\u001b[1A\u001b[J')
})

describe('lab in a terminal', { ...needs('tmux'), timeout: 240_000 }, () => {
  let folder = ''
  let env: NodeJS.ProcessEnv = {}
  const tmux = (...args: string[]) =>
    execFileSync('tmux', ['-f', '/dev/null', '-L', 'lab', ...args], { env, encoding: 'utf8' })
  /** Everything on the screen, including its scrollback. */
  const screen = () => tmux('capture-pane', '-p', '-S', '-1000').trimEnd().split('\n')
  const shows = (pattern: RegExp) => expect.poll(() => screen().join('\n')).toMatch(pattern)
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'metalkit-lab-table-'))
    // In CI nothing is rewritten, because its log cannot show that; tmux can.
    const { CI: _ci, TMUX: _tmux, ...rest } = process.env
    env = { ...rest, TERM: 'screen', XDG_STATE_HOME: folder, TMUX_TMPDIR: folder }
  })
  afterAll(() => {
    tmux('kill-server')
    rmSync(folder, { recursive: true, force: true })
  })

  test('shows its machines in a table below its messages, one table at any width, and removes it at the end', async () => {
    const lab = [process.execPath, program, 'lab', '--machines', 'simulated', '--name', 'table', '-v']
    const quoted = lab.map((word) => `'${word}'`).join(' ')
    tmux('new-session', '-d', '-x', '100', '-y', '30', `${quoted}; sleep 1000`)
    await shows(/to end the lab: Ctrl-C here/)
    const environment = execFileSync(process.execPath, [program, 'lab', 'env', '--name', 'table'], { env })
    const read = (name: string) => new RegExp(`${name}='(.*)'`).exec(String(environment))?.[1] ?? ''
    const create = async (hostname: string) => {
      const answer = await fetch(`${read('METAL_API_URL')}/projects/${read('METAL_PROJECT_ID')}/devices`, {
        method: 'POST',
        headers: { 'x-auth-token': read('METAL_API_TOKEN'), 'content-type': 'application/json' },
        body: JSON.stringify({
          plan: 'c3.small.x86',
          metro: 'ny',
          operating_system: 'custom_ipxe',
          hostname,
          userdata: '#!ipxe\nshell',
        }),
      })
      expect(answer.status).toBe(201)
    }
    await create('first')
    await shows(/^first +active +\d+\w+ +c3\.small\.x86 +Provision complete/m)
    tmux('resize-window', '-x', '40', '-y', '30')
    await create('second')
    await shows(/^second +active/m)
    tmux('resize-window', '-x', '90', '-y', '20')
    await create('third')
    await shows(/^HOSTNAME .*LAST EVENT\nthird +active.*\nsecond +active.*\nfirst +active/m)
    const count = (pattern: RegExp) => screen().filter((line) => pattern.test(line)).length
    await expect
      .poll(() => [count(/^HOSTNAME/), count(/^(first|second|third) /), count(/^lab: .*: provisioning -> active$/)])
      .toEqual([1, 3, 3])
    tmux('send-keys', 'C-c')
    await expect.poll(() => count(/^HOSTNAME/)).toBe(0)
    expect(screen()).toContain('lab: third: provisioning -> active')
  })
})
