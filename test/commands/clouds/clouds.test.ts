import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cloudOf, clouds, runFlagsOf } from '../../../src/commands/clouds/clouds.ts'
import { scopeSettings } from '../../../src/commands/clouds/open-cloud.ts'
import { runFlagNames } from '../../../src/options/command-flags.ts'
import { flags } from '../../../src/options/flags.ts'
import { startFakeApi } from '../../helpers/api-fake.ts'
import { makeFolder } from '../../helpers/folder.ts'
import { runToEnd } from '../../helpers/io.ts'

const id = '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c'

describe.each(clouds.map((row) => [row.name, row] as const))('the row of %s', (name, row) => {
  test('has each flag once, each refusal names a flag of run on another cloud, and no flag is both', () => {
    const words = runFlagsOf(row).map((flag) => flags[flag].name)
    expect(words.toSorted()).toEqual([...new Set(words)].toSorted())
    const all = new Set([...runFlagNames, ...clouds.flatMap(runFlagsOf)].map((flag) => flags[flag].name))
    for (const word of Object.keys(row.instead)) {
      expect(all).toContain(word)
      expect(words).not.toContain(word)
    }
  })

  test('knows the marks of its runs, and no other cloud does', async () => {
    const marks = { equinixmetal: `metalkit-run-${id}`, latitude: `mk-${'0'.repeat(25)}`, oci: `mko-${id}` }
    const mark = Object.entries(marks).find(([cloud]) => cloud === name)?.[1] ?? ''
    expect(clouds.filter(({ markForm }) => markForm.test(mark))).toEqual([row])
    expect(cloudOf(mark)).toBe(row)
  })
})

test.each([
  [id, 'equinixmetal'],
  ['nonsense', 'equinixmetal'],
  ['ocid1.instance.oc1.iad.abc', 'oci'],
  ['sv_LqG158rA60BOg', 'latitude'],
])('the machine %s is one of %s', (name, cloud) => {
  expect(cloudOf(name).name).toBe(cloud)
})

test.each([
  ['rm', 'mk-aaa', 'latitude'],
  ['rm', 'sv_', 'latitude'],
  ['rm', 'ocid1.volume.oc1.iad.abc', 'oci'],
  ['console', 'MK-aaa', 'latitude'],
])('%s refuses %s, which only begins like one of %s', async (command, name, cloud) => {
  expect(await runToEnd([command, name], {})).toMatchObject({
    code: 2,
    stderr: `metalkit: usage: "${name}" is neither the ID of a machine of ${cloud} nor the mark of one of its runs; metalkit ls lists the machines\n`,
  })
})

test('rm with the mark of a run says which mark no machine has; an unknown ID is an error', async () => {
  const mark = `metalkit-run-${id}`
  await using api = await startFakeApi(({ path }) =>
    path.includes(id) && !path.includes('tag')
      ? { status: 404, json: { errors: ['Not found'] } }
      : { status: 200, json: { devices: [], meta: { next: null } } },
  )
  const env = { METAL_API_URL: api.apiUrl, METAL_API_TOKEN: 'sesame', METAL_PROJECT_ID: 'p-1' }
  expect(await runToEnd(['rm', mark], env)).toMatchObject({ code: 0, stderr: `No machine has the mark "${mark}".\n` })
  const { code, stderr } = await runToEnd(['rm', id, mark], env)
  expect([code, stderr]).toEqual([4, expect.stringContaining(`looking up the machine "${id}"`)])
})

test.each([
  [['run', 'oci', '-ttl', '2h', 'x'], /--ttl is not for oci: its instances have no end; run metalkit rm --older-than/],
  [['run', 'oci', '--metro=am', 'x'], /--metro is not for oci: name the --availability-domain/],
  [['run', 'latitude', '-hostname', 'a', 'x'], /--hostname is not for latitude: the host name carries the run's mark/],
  [['doctor', 'oci', '-zone', 'ams1'], /--zone is not for oci: /],
  [['run', 'equinixmetal', '--yes', 'x'], /--yes is not for equinixmetal: run asks nothing/],
])('%j is refused with what there is instead', async (argv, message) => {
  const { code, stderr } = await runToEnd(argv, {})
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
})

test('a machine of another cloud is refused, with the command for it', async () => {
  const env = { METAL_API_TOKEN: 'x', METAL_API_URL: 'http://127.0.0.1:9/metal/v1' }
  const argv = ['run', 'equinixmetal', '-device', 'ocid1.instance.oc1.iad.abc', '-base-url', 'http://127.0.0.1:1', 'x']
  const { code, stderr } = await runToEnd(argv, env)
  expect([code, stderr]).toEqual([
    2,
    'metalkit: usage: the machine "ocid1.instance.oc1.iad.abc" is one of oci, not of equinixmetal; write metalkit run oci --device ocid1.instance.oc1.iad.abc\n',
  ])
})

test('ls lists the clouds that answer, warns of one that does not, and ends with its exit code', async () => {
  using folder = makeFolder()
  const config = join(folder.path, '.oci/config')
  await mkdir(dirname(config))
  await writeFile(config, '[DEFAULT]\nregion=us-ashburn-1\n')
  const machine = { id, state: 'active', hostname: 'web1', tags: ['metalkit'] }
  await using api = await startFakeApi(() => ({ status: 200, json: { devices: [machine], meta: { next: null } } }))
  const env = { HOME: folder.path, METAL_API_TOKEN: 'x', METAL_API_URL: api.apiUrl, METAL_PROJECT_ID: 'p' }
  const listed = await runToEnd(['ls'], env)
  expect(listed.code).toBe(2)
  expect(listed.stdout).toMatch(/^ID +CLOUD +HOSTNAME .*\n4eb1ee2c\S+ +equinixmetal +web1 /)
  expect(listed.stderr).toMatch(/^warning: the machines of Oracle Cloud are not listed: usage: /m)
  const json = await runToEnd(['ls', '--json'], env)
  expect([json.code, JSON.parse(json.stdout)]).toEqual([2, expect.objectContaining({ id, cloud: 'equinixmetal' })])
})

test('the scope that flags gave, as variables for another command: no defaults, no variables, no secrets', () => {
  const options = {
    compartment: 'ocid1.compartment.oc1..x',
    profile: 'ci',
    configFile: '/etc/my oci',
    apiUrl: 'https://a',
  }
  const given = new Map([
    ['compartment', '--compartment'],
    ['profile', 'OCI_CLI_PROFILE'],
    ['configFile', '--config-file'],
  ])
  expect(scopeSettings(cloudOf('mko-1'), options, { sources: given })).toBe(
    "METAL_OCI_COMPARTMENT=ocid1.compartment.oc1..x OCI_CLI_CONFIG_FILE='/etc/my oci' ",
  )
  const metal = { apiKey: 'secret', projectId: 'p-1', apiUrl: 'https://me:pass@api.example.com' }
  const flagsGiven = new Map(Object.keys(metal).map((name) => [name, `--${name}`]))
  expect(scopeSettings(cloudOf('metalkit-run-1'), metal, { sources: flagsGiven })).toBe('METAL_PROJECT_ID=p-1 ')
})
