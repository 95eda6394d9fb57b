// The one line of the README for each cloud: a run in a lab that speaks that cloud's API, with no account.
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { makeImage } from '../../helpers/image.ts'
import { findFreePort } from '../../helpers/port.ts'
import { program } from '../../helpers/program.ts'

test.each([
  ['latitude', ['-machine', 'c3-small-x86', '-metro', 'DAL'], /^sv_/],
  ['oci', ['-machine', 'BM.Standard.E4.128'], /^ocid1\.instance\./],
])('run %s in its lab', { timeout: 120_000 }, async (cloud, machine, form) => {
  await using image = await makeImage()
  const port = await findFreePort()
  const serving = ['-serve', `127.0.0.1:${port}`, '-base-url', `http://127.0.0.1:${port}`]
  const watching = ['-host-key-policy', 'accept-new', '-timeout', '90s', '-wait-for', 'Simulated firmware']
  const run = [process.execPath, program, 'run', cloud, '--json', ...machine, ...serving, ...watching, image.prefix]
  const lab = [program, 'lab', '--cloud', cloud, '--machines', 'simulated', '--port', '0', '--', ...run]
  const { status, stdout, stderr } = spawnSync(process.execPath, lab, { encoding: 'utf8', timeout: 110_000 })
  expect([status, stderr]).toEqual([0, expect.stringMatching(/^Deleting the machine /m)])
  const ids = (event: string) =>
    stdout
      .split('\n')
      .filter((line) => line.includes(`"event":"${event}"`))
      .map((line) => String(JSON.parse(line).id))
  expect(ids('machine-created')).toEqual([expect.stringMatching(form)])
  expect(ids('machine-deleted')).toEqual(ids('machine-created'))
  expect(stdout).toContain(`demo-${cloud}.ipxe`)
})
