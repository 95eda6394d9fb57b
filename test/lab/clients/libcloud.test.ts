// Apache Libcloud, Debian's package, which sends the parameters of POST and PUT in the query and creates by facility.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

import { findPython, needsPython } from '../../helpers/needs.ts'
import { publicKey, startClientLab } from './client.ts'

test('requests as Libcloud sends them', async () => {
  await using own = await startClientLab({ facilities: true })
  const key = publicKey('by query')
  const query = new URLSearchParams({ label: 'by query', key })
  expect(await own.send(201, 'POST', `/ssh-keys?${query.toString()}`)).toMatchObject({ label: 'by query', key })
  const body = { plan: 'c3.small.x86', facility: 'ny5', operating_system: 'custom_ipxe', include: 'plan' }
  const { id } = await own.createActive({ ...body, userdata: '#!ipxe\nsleep 600', hostname: 'box' })
  const changed = await own.send(200, 'PUT', `/devices/${id}?hostname=new&tags=x&tags=y&locked=True`)
  expect(changed).toMatchObject({ hostname: 'new', tags: ['x', 'y'], locked: true })
  expect((await own.send(200, 'PUT', `/devices/${id}?locked=false&tags=z`)).tags).toEqual(['z'])
  expect(await own.send(422, 'PUT', `/devices/${id}?locked=perhaps`)).toEqual({ errors: ['locked is invalid'] })
  expect((await own.send(200, 'PUT', `/devices/${id}?hostname=query`, { hostname: 'body' })).hostname).toBe('body')
  await own.send(202, 'POST', `/devices/${id}/actions?type=reboot`)
})

test('the driver creates, lists, changes, reboots, stops, starts and deletes', needsPython('libcloud'), async () => {
  await using own = await startClientLab({ facilities: true })
  const { lab } = own
  const { hostname, port } = new URL(lab.apiUrl)
  const script = new URL('libcloud-driver.py', import.meta.url).pathname
  const key = publicKey('libcloud')
  const { stdout } = await promisify(execFile)(findPython('libcloud') ?? 'python3', [
    script,
    hostname,
    port,
    lab.token,
    lab.projectId,
    key,
  ])
  const lines = stdout.trim().split('\n')
  const said: Record<string, unknown> = Object.fromEntries(lines.flatMap((line) => Object.entries(JSON.parse(line))))
  expect(said).toMatchObject({
    projects: [lab.projectId],
    name: 'libcloud',
    public: [expect.stringMatching(/^203\.0\.113\./), expect.stringMatching(/^2001:db8:/)],
    private: [expect.stringMatching(/^10\.66\./)],
    plan: 'c3.small.x86',
    renamed: 'renamed',
    locked: true,
    key,
    listed: true,
    key_deleted: true,
    keys: ['metalkit lab'],
    nodes: 0,
  })
  expect(said['events']).toContain('Device powered off')
})
