import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, afterEach, expect, test } from 'vitest'

import { needs } from '../../helpers/needs.ts'
import { program } from '../../helpers/program.ts'

const state = mkdtempSync(join(tmpdir(), 'metalkit-lab-names-'))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(() => rmSync(state, { recursive: true, force: true }))

/** The built program; `code` is its exit code, `seen` its complete output. */
function metalkit(...args: string[]) {
  const env = { ...process.env, XDG_STATE_HOME: state, METAL_LAB_MACHINES: 'simulated' }
  const child = spawn(process.execPath, [program, ...args], { env })
  children.push(child)
  const seen = { text: '' }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (seen.text += String(bytes)))
  return {
    child,
    seen,
    shows: (text: string) => expect.poll(() => seen.text).toContain(text),
    code: once(child, 'close').then(([code]) => Number(code)),
  }
}

/** The variables that `lab env` prints for a lab. */
async function environmentOf(name: string): Promise<Record<string, string>> {
  const { code, seen } = metalkit('lab', 'env', '--name', name)
  expect(await code, seen.text).toBe(0)
  return Object.fromEntries([...seen.text.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, key, value]) => [key, value]))
}

/** Sends a request to a lab's API, under its project. */
async function ask(env: Record<string, string>, path: string, body?: object) {
  const headers = { 'x-auth-token': env['METAL_API_TOKEN'] ?? '', 'content-type': 'application/json' }
  const how = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) }
  const answer = await fetch(`${env['METAL_API_URL'] ?? ''}/projects/${env['METAL_PROJECT_ID'] ?? ''}${path}`, how)
  return { status: answer.status, text: await answer.text() }
}

test('named labs run in parallel, one per name, and restore their state after kill -9', async () => {
  const one = metalkit('lab', '--name', 'one')
  await one.shows('to end the lab: Ctrl-C here')
  const two = metalkit('lab', '--name', 'two')
  await two.shows('to end the lab: Ctrl-C here')

  const twin = metalkit('lab', '--name', 'one')
  expect(await twin.code).toBe(10)
  expect(twin.seen.text).toBe(
    `metalkit: lab: a lab named "one" is already running, as process ${one.child.pid}; to use it, run: eval "$(metalkit lab env --name one)"; or start this one with another --name\n`,
  )

  const first = await environmentOf('one')
  const other = await environmentOf('two')
  expect(first['METAL_API_TOKEN']).not.toBe(other['METAL_API_TOKEN'])
  const device = { plan: 'c3.small.x86', metro: 'ny', operating_system: 'custom_ipxe', userdata: '#!ipxe\nsleep 600' }
  expect((await ask(first, '/devices', { ...device, hostname: 'kept' })).status).toBe(201)
  expect((await ask(other, '/devices')).text).not.toContain('kept')

  one.child.kill('SIGKILL')
  await one.code
  const again = metalkit('lab', '--name', 'one')
  await again.shows('to end the lab: Ctrl-C here')
  const second = await environmentOf('one')
  expect(second['METAL_API_TOKEN']).toBe(first['METAL_API_TOKEN'])
  expect((await ask(second, '/devices')).text).toContain('"hostname":"kept"')
  again.child.kill('SIGINT')
  expect(await again.code).toBe(0)
  const none = metalkit('lab', 'env', '--name', 'one')
  expect(await none.code).toBe(10)
  expect(none.seen.text).toBe('metalkit: lab: no lab named "one" is running; start one with metalkit lab --name one\n')
}, 240_000)

test('a name that cannot be a file name is refused', async () => {
  const lab = metalkit('lab', '--name', '../x')
  expect(await lab.code).toBe(2)
  expect(lab.seen.text).toContain('--name "../x" is not a valid name for a lab')
})

test('with --pace real and --facilities a lab is slow, and accepts a facility', needs('curl'), async () => {
  const body = '{"plan":"c3.small.x86","facility":["ny5"],"operating_system":"custom_ipxe","userdata":"#!ipxe"}'
  const curl = `curl -s -H "X-Auth-Token: $METAL_API_TOKEN" "$METAL_API_URL/projects/$METAL_PROJECT_ID/devices`
  const script = `${curl}" -d '${body}'; sleep 1; ${curl}?exclude=plan"`
  const lab = metalkit('lab', '--pace', 'real', '--facilities', '--', 'sh', '-c', script)
  expect(await lab.code).toBe(0)
  expect([...lab.seen.text.matchAll(/"state":"(\w+)","tags"/g)].map(([, found]) => found)).toEqual(['queued', 'queued'])
  expect(lab.seen.text).toContain('"code":"ny5"')
})
