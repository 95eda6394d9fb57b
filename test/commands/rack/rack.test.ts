// metalkit rack and its commands, as far as they need no privileged port.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { expect, test } from 'vitest'
import { howToUse } from '../../../src/commands/lab/background.ts'
import { makeTestFolder } from '../../helpers/folder.ts'
import { program } from '../../helpers/program.ts'

const commands = (act: string) => ({ on: 'echo on >>log', off: 'echo off >>log', status: `echo status >>log; ${act}` })
const machine = { plan: 'small', firmware: 'bios' }

/** Runs metalkit on a rack file with a machine that is on, one whose status fails, and one in use. */
async function run(args: (file: string) => readonly string[]) {
  const folder = makeTestFolder()
  const file = join(folder, 'rack.yaml')
  const machines = [
    {
      ...machine,
      name: 'r1',
      macs: ['52:54:00:aa:00:01'],
      power: { commands: commands('echo on') },
      console: { device: '/dev/null' },
    },
    { ...machine, name: 'r2', macs: ['52:54:00:aa:00:02'], power: { commands: commands('exit 3') } },
    { ...machine, name: 'r3', macs: ['52:54:00:aa:00:03'], inUse: true },
  ]
  const network = { address: '127.0.0.1', dhcp: 'none' }
  writeFileSync(file, stringify({ network, wipe: { script: 'wipe.ipxe' }, plans: { small: {} }, machines }))
  const env = { ...process.env, XDG_STATE_HOME: join(folder, 'state') }
  const execute = promisify(execFile)
  const ended = execute(process.execPath, [program, ...args(file)], { env })
  const { stdout, stderr, code } = await ended.then(
    (output) => ({ ...output, code: 0 }),
    (error: { stdout: string; stderr: string; code: number }) => error,
  )
  return { stdout, stderr, code, folder }
}

test('rack check asks each machine, touches none, and prints the options for the router', async () => {
  const { stdout, code, folder } = await run((file) => ['rack', 'check', file])
  expect(stdout).toMatch(/^ok {4}address {2}127\.0\.0\.1\/8 on lo\d*$/m)
  expect(stdout).toMatch(/^warn {2}r1 {7}power: the machine is on\n +-> if none of .* until metalkit rack release r1$/m)
  expect(stdout).toContain('r1       console: /dev/null, 115200 baud')
  expect(stdout).toContain('fail  r2       the command "status" of "r2" ended with exit code 3')
  expect(stdout).toContain('ok    r3       in use: not touched, and not asked')
  expect(stdout).toMatch(
    /^fail {2}wipe {5}the wipe script "\S+wipe\.ipxe" cannot be read: no such file or directory\n +-> /m,
  )
  expect(stdout).toContain('dhcp-mac=set:rack,52:54:00:aa:00:02\n')
  expect(stdout).not.toContain('52:54:00:aa:00:03')
  expect(code).toBe(10)
  expect(new Set(readFileSync(join(folder, 'log'), 'utf8').trim().split('\n'))).toEqual(new Set(['status']))
})

test('rack check --json writes one object per finding', async () => {
  const { stdout, code } = await run((file) => ['rack', 'check', '--json', file])
  const lines: unknown[] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines).toContainEqual({ check: 'address', status: 'ok', detail: expect.stringContaining('127.0.0.1/8 on lo') })
  expect(lines).toContainEqual({
    check: 'power',
    machine: 'r1',
    status: 'warn',
    detail: 'power: the machine is on',
    hint: expect.stringContaining('metalkit rack release r1'),
  })
  expect(lines).toContainEqual({
    check: 'power',
    machine: 'r2',
    status: 'fail',
    detail: 'the command "status" of "r2" ended with exit code 3',
  })
  expect(lines).toContainEqual({
    check: 'use',
    machine: 'r3',
    status: 'ok',
    detail: 'in use: not touched, and not asked',
  })
  expect(lines.at(-1)).toMatchObject({ check: 'router', detail: expect.stringContaining('dhcp-mac=set:rack,52:54') })
  expect(code).toBe(10)
})

test('an API on the network needs TLS, or a flag that says that it need not', async () => {
  const { stderr, code, folder } = await run((file) => ['rack', '--port', '0.0.0.0:0', file])
  expect(stderr).toBe(
    'metalkit: usage: the API would listen on 0.0.0.0 without TLS, where anyone can read its token; add --tls (or --tls-cert and --tls-key), or --insecure-http to allow it\n',
  )
  expect(code).toBe(2)
  expect(() => readFileSync(join(folder, 'log'))).toThrow('ENOENT')
})

test('the way to use a rack is its own command', () => {
  expect(howToUse('rack', 'attic')).toContain('eval "$(metalkit rack env --name attic)"')
})

test('an error of code that lab and rack share is an error of the rack', async () => {
  const { stderr, code } = await run((file) => {
    writeFileSync(join(dirname(file), 'state'), '')
    return ['rack', file]
  })
  expect(stderr).toMatch(/^metalkit: rack: cannot use ".*" as state folder: /)
  expect(code).toBe(10)
})

test.each([['list'], ['env'], ['release', 'r1']])('rack %s says that no rack is running', async (...words) => {
  const { stderr, code } = await run(() => ['rack', ...words])
  expect(stderr).toBe('metalkit: rack: no rack is running; start it with metalkit rack FILE\n')
  expect(code).toBe(10)
})
