// A named lab keeps its devices on a full disk: a small tmpfs in a mount namespace.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { needsMountOf } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'
import { quoteValue } from '../../src/text/shell-word.ts'

const folder = mkdtempSync(join(tmpdir(), 'metalkit-full-lab-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Creates a device while the disk is full, and another once there is space. */
const script = `
import { rmSync, writeFileSync } from 'node:fs'
const { METAL_API_URL: api, METAL_API_TOKEN: token, METAL_PROJECT_ID: project } = process.env
const url = api + '/projects/' + project + '/devices'
const headers = { 'x-auth-token': token, 'content-type': 'application/json' }
const body = JSON.stringify({ plan: 'c3.small.x86', metro: 'ny', operating_system: 'custom_ipxe', userdata: '#!ipxe\\nsleep 600', description: 'x'.repeat(200) })
const create = async () => {
  const answer = await fetch(url, { method: 'POST', headers, body })
  return [answer.status, await answer.text()]
}
const count = async () => (await (await fetch(url, { headers })).json()).devices.length
const fill = process.env.XDG_STATE_HOME + '/fill'
let full = ''
try { writeFileSync(fill, '') ; for (;;) writeFileSync(fill, Buffer.alloc(1024), { flag: 'a' }) } catch (error) { full = error.code }
const created = await create()
// It ends in the same way as a deleted device.
for (const endMs = Date.now() + 10_000; Date.now() < endMs && (await count()) > 0; ) await new Promise((resolve) => setTimeout(resolve, 20))
const seen = { full, created, devices: await count() }
rmSync(fill)
const [status] = await create()
console.log(JSON.stringify({ ...seen, later: status, devicesLater: await count() }))
`

test(
  'a create fails with a clear message and leaves no device; with free space the lab continues',
  needsMountOf('tmpfs'),
  () => {
    const file = join(folder, 'create.mjs')
    writeFileSync(file, script)
    const lab = [process.execPath, program, 'lab', '--name', 'full', '--machines', 'simulated', '--']
    const words = [...lab, process.execPath, file].map(quoteValue).join(' ')
    const mount = `mkdir ${folder}/state && mount -t tmpfs -o size=64k tmpfs ${folder}/state`
    const { stdout, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', `${mount} && ${words}`], {
      encoding: 'utf8',
      timeout: 30_000,
      env: { PATH: process.env['PATH'], XDG_STATE_HOME: join(folder, 'state'), HOME: folder },
    })
    const message = /The lab cannot save the state in .*full\.json.*: no space left on device/
    expect(JSON.parse(stdout || JSON.stringify(stderr)), stderr).toEqual({
      full: 'ENOSPC',
      created: [500, expect.stringMatching(message)],
      devices: 0,
      later: 201,
      devicesLater: 1,
    })
    expect(stderr).toContain('no space left on device')
  },
)
