// The command: what it tells a program of the lab, and the lab's own commands.
import { execFileSync, spawnSync } from 'node:child_process'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { program } from '../../helpers/program.ts'
import { readProfile } from './oci-lab.ts'

let folder: TestFolder
beforeEach(() => {
  folder = makeFolder()
})
afterEach(() => folder[Symbol.dispose]())

const names = [
  'METAL_OCI_API_URL',
  'METAL_OCI_AVAILABILITY_DOMAIN',
  'METAL_OCI_COMPARTMENT',
  'METAL_OCI_SHAPE',
  'METAL_OCI_SUBNET',
  'OCI_CLI_CONFIG_FILE',
  'OCI_CLI_PROFILE',
]

function run(words: readonly string[]): string {
  const env = { ...process.env, XDG_STATE_HOME: folder.path }
  return execFileSync(process.execPath, [program, ...words], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

test('a command gets the variables of an Oracle cloud, and no others', { timeout: 60_000 }, () => {
  const output = run(['lab', '--cloud', 'oci', '--machines', 'simulated', '--', 'env'])
  const set = new Map(output.split('\n').map((line) => [line.split('=')[0] ?? '', line.replace(/^[^=]*=/, '')]))
  expect([...set.keys()].filter((name) => /^(?:METAL_OCI|OCI)_/.test(name)).toSorted()).toEqual(names)
  expect(set.has('METAL_API_TOKEN')).toBe(false)
  // The client believes that nothing costs money here only if both name the same API.
  expect(set.get('METAL_LAB_TEMPORARY')).toBe(set.get('METAL_OCI_API_URL'))
  expect(readProfile(set.get('OCI_CLI_CONFIG_FILE') ?? '')).toMatchObject({
    region: 'us-sanjose-1',
    tenancy: expect.stringMatching(/^ocid1\.tenancy\.oc1\.\./),
    user: expect.stringMatching(/^ocid1\.user\.oc1\.\./),
    fingerprint: expect.stringMatching(/^(?:[0-9a-f]{2}:){15}[0-9a-f]{2}$/),
  })
})

test('a lab in the background: env, status, stop', { timeout: 60_000 }, () => {
  run(['lab', '-d', '--name', 'o', '--cloud', 'oci', '--machines', 'simulated'])
  try {
    const exported = run(['lab', 'env', '--name', 'o'])
    for (const name of names) expect(exported).toContain(`export ${name}=`)
    expect(run(['lab', 'status', '--name', 'o'])).toMatch(/^o +\d+ .* http:\/\/127\.0\.0\.1:\d+ +0$/m)
  } finally {
    run(['lab', 'stop', '--name', 'o'])
  }
})

test('a fault of another cloud is refused', () => {
  const words = [program, 'lab', '--cloud', 'oci', '--fault', 'create:422-plan', '--', 'true']
  const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  expect([status, stderr.split(';')[0]]).toEqual([
    2,
    'metalkit: usage: the fault "create:422-plan" has an unknown kind for the step create',
  ])
})
