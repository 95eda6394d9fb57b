// Clients whose host is compiled in, in a network and with a hosts file of their own: the lines of docs/lab.md.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { describe, expect, test } from 'vitest'

import { labEnvironment } from '../../../src/lab/environment.ts'
import { startTestLab } from '../../helpers/lab.ts'
import { findPython, needsPython, needsRoot } from '../../helpers/needs.ts'
import { program } from '../../helpers/program.ts'

const document = await readFile(new URL('../../../docs/lab.md', import.meta.url), 'utf8')

/** Libcloud as shipped asks api.equinix.com, curl asks api.packet.net as packet-python does. */
const asShipped = `
import json, os, subprocess
from libcloud.compute.drivers.equinixmetal import EquinixMetalNodeDriver
token = os.environ["METAL_API_TOKEN"]
driver = EquinixMetalNodeDriver(token, project=os.environ["METAL_PROJECT_ID"])
curl = ["curl", "-sSf", "-H", "X-Auth-Token: " + token, "https://api.packet.net//capacity?x="]
print(json.dumps([[p.name for p in driver.projects], "ny5" in json.loads(subprocess.check_output(curl))["capacity"]]))
`

describe('Libcloud', needsPython('libcloud'), () => {
  const python = findPython('libcloud') ?? 'python3'

  test(
    'as shipped reaches the lab at api.equinix.com, and curl at api.packet.net',
    needsRoot('unshare', 'ip'),
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'metalkit-hosts-'))
      const [hosts = ''] = /(?<=^echo ')127\.0\.0\.1 api\.equinix\.com [^']+(?=' >>\/etc\/hosts$)/m.exec(document) ?? []
      const start = /^metalkit lab -d (--tls --port 443)$/m.exec(document)?.[1]?.split(' ') ?? [
        'nothing in docs/lab.md',
      ]
      await writeFile(join(folder, 'hosts'), `${hosts}\n`)
      await writeFile(join(folder, 'client.py'), asShipped)
      const inside = 'ip link set lo up && mount --bind "$0/hosts" /etc/hosts && exec "$@"'
      const lab = [process.execPath, program, 'lab', ...start, '--machines', 'simulated', '--', python]
      try {
        const { stdout } = await promisify(execFile)(
          'unshare',
          ['-mn', 'sh', '-c', inside, folder, ...lab, join(folder, 'client.py')],
          { env: { PATH: process.env['PATH'], HOME: folder } },
        )
        expect(JSON.parse(stdout)).toEqual([['lab'], true])
      } finally {
        await rm(folder, { recursive: true })
      }
    },
  )

  test('with the lines of the documentation', async () => {
    const code = /^```python\n(.*?)^```$/ms.exec(document)?.[1] ?? ''
    await using lab = await startTestLab({ tls: { env: {} }, facilities: true })
    const env = { PATH: process.env['PATH'], ...labEnvironment(lab) }
    const { stdout } = await promisify(execFile)(python, ['-c', `${code}\nprint([p.id for p in driver.projects])`], {
      env,
    })
    expect(stdout).toBe(`['${lab.projectId}']\n`)
  })
})

describe('the documentation', () => {
  const section = /^## Your existing tools$(.*?)^## /ms.exec(document)?.[1] ?? ''

  test.each([
    'equinix-sdk-go',
    'packngo',
    'metal-cli',
    'terraform-provider-metal',
    'terraform-provider-equinix',
    'packet-python',
    'Libcloud',
    "Ansible's packet modules",
    'mantle',
    'packet-networking',
    'Ignition',
    'linuxkit',
  ])('says how to point %s at a lab, and what is tested with it', (client) => {
    const [how = '', tested = ''] = section.split('### What is tested')
    expect(how.toLowerCase()).toContain(client.toLowerCase())
    const short = client.replace(/^terraform-provider-/, '')
    expect(tested.toLowerCase()).toContain(short.toLowerCase())
  })

  test('the values for Terraform and packet-python are the addresses that these clients expect', async () => {
    const env = { METAL_API_TOKEN: 't', METAL_API_URL: 'https://127.0.0.1:7070/metal/v1', PATH: process.env['PATH'] }
    const line = /`(export METAL_AUTH_TOKEN[^`]+EQUINIX_API_ENDPOINT[^`]+)`/.exec(section)?.[1] ?? ''
    const { stdout } = await promisify(execFile)(
      'sh',
      ['-c', `${line}\necho $METAL_AUTH_TOKEN $EQUINIX_API_ENDPOINT`],
      {
        env,
      },
    )
    // The provider appends /metal/v1/.
    expect(stdout).toBe('t https://127.0.0.1:7070\n')
  })
})
