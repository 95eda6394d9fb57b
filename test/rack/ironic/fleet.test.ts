// All nodes of a resource class as machines, told by Debian's Ironic, and by a service that is none.
import { createServer } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { loadRack } from '../../../src/rack/load-rack.ts'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { needs } from '../../helpers/needs.ts'
import { close, listen } from '../../helpers/port.ts'
import { createRecorder } from '../../helpers/recorder.ts'
import { failureOf, powerOf } from '../machine.ts'
import { ironicPassword, type IronicServer, ironicUser, startIronic } from './ironic-server.ts'

const never = new AbortController().signal

describe('with Ironic', { ...needs('ironic', 'ipmitool', 'socat'), timeout: 60_000 }, () => {
  let folder: TestFolder
  let ironic: IronicServer

  beforeAll(async () => {
    folder = makeFolder()
    ironic = await startIronic(folder.path)
    const properties = { cpu_arch: 'x86_64', cpus: 16, memory_mb: 65536, capabilities: 'boot_mode:bios,foo:bar' }
    await ironic.enroll({ name: 'Rack1.U17', mac: '52:54:00:AA:00:01', resourceClass: 'large', properties })
    await ironic.enroll({ name: 'r2', mac: '52:54:00:aa:00:02', resourceClass: 'large' })
    await ironic.enroll({ name: 'other', mac: '52:54:00:aa:00:03', resourceClass: 'small' })
    await ironic.api('POST', '/nodes', { name: 'no-port', driver: 'fake-hardware', resource_class: 'large' })
    const odd = { name: 'odd', driver: 'fake-hardware', resource_class: 'large', properties: { cpu_arch: 'ppc64le' } }
    await ironic.api('POST', '/nodes', odd)
  }, 180_000)
  afterAll(async () => {
    await ironic?.[Symbol.asyncDispose]()
    folder?.[Symbol.dispose]()
  })

  /** Loads a rack file with these machines. */
  async function load(machines: unknown, plans?: unknown) {
    const path = folder.write('rack.yaml', stringify({ network: { address: '127.0.0.1' }, plans, machines }))
    const report = createRecorder()
    const env = { IRONIC_PASSWORD: ironicPassword }
    return { file: await loadRack(path, { env, report, signal: never }), lines: report.lines }
  }
  const login = () => ({ ironic: ironic.url, user: ironicUser, password: { env: 'IRONIC_PASSWORD' } })

  test('the nodes of a class are machines of a plan', async () => {
    const { file, lines } = await load({ ...login(), resourceClass: 'large' })
    expect(file.plans).toEqual({ large: { cpu: '16 CPUs', memory: '64 GB' } })
    expect(file.machines).toMatchObject([
      { name: 'rack1-u17', plan: 'large', macs: ['52:54:00:aa:00:01'], firmware: 'bios', arch: 'x86_64', inUse: false },
      { name: 'r2', plan: 'large', macs: ['52:54:00:aa:00:02'], firmware: 'uefi', tty: 'ttyS0' },
    ])
    expect(lines.join('\n')).toMatch(/the node "no-port" .* is left out: no port of it has a MAC address/)
    expect(lines.join('\n')).toMatch(/the node "odd" .* is left out: its cpu_arch is "ppc64le"/)
  })

  test('a node with a section of its own stays as it is there, and a class may have another plan', async () => {
    const own = {
      name: 'mine',
      plan: 'p',
      macs: ['52:54:00:aa:00:02'],
      firmware: 'uefi',
      power: { ...login(), node: 'r2' },
    }
    const fleet = { ...login(), resourceClass: 'large', plan: 'p' }
    const { file } = await load([own, fleet], { p: { cpu: 'known' } })
    expect(file.machines.map(({ name, plan }) => [name, plan])).toEqual([
      ['mine', 'p'],
      ['rack1-u17', 'p'],
    ])
    expect(file.plans).toEqual({ p: { cpu: 'known' } })
  })

  test('two classes that share a machine with the file are a mistake', async () => {
    const same = { name: 'r2', plan: 'p', macs: ['52:54:00:aa:00:09'], firmware: 'uefi', power: 'by-hand' }
    const { text } = await failureOf(load([same, { ...login(), resourceClass: 'large' }], { p: {} }))
    expect(text).toContain('the name "r2" appears twice')
  })

  test('a class without nodes is told', async () => {
    const { file, lines } = await load({ ...login(), resourceClass: 'huge' })
    expect(file.machines).toEqual([])
    expect(lines.join('\n')).toContain('has no node of the resource class "huge"')
  })
})

/** A service that answers each request the same. */
async function answering(status: number, headers: Record<string, string>, body: string) {
  const server = createServer((_request, response) => response.writeHead(status, headers).end(body))
  const port = await listen(server)
  const power = (keys: object = {}) =>
    powerOf({ power: { ironic: `http://127.0.0.1:${port}`, node: 'r1', ...keys } }, 'tok').power
  return { power, [Symbol.asyncDispose]: () => close(server) }
}

test('a service behind Keystone says what it wants', async () => {
  const headers = { 'www-authenticate': 'Keystone uri="https://keystone.example.com"' }
  await using service = await answering(
    401,
    headers,
    '{"error":{"message":"The request you have made requires authentication."}}',
  )
  const { text } = await failureOf(service.power().status(never))
  expect(text).toContain('wants a token of Keystone, which metalkit does not get by itself')
  const expired = await failureOf(service.power({ token: { env: 'BMC_PASSWORD' } }).status(never))
  expect(expired.text).toContain('does not accept its token')
})

test.each([
  [406, '{"error_message":"{\\"code\\":406}"}', 'is too old: it does not know version 1.82 of its API'],
  [200, '<html>', 'does not speak the API of Ironic: its answer to /ports'],
  [200, '{"ports":[],"power_state":7}', 'does not speak the API of Ironic: its answer to /nodes/r1'],
  [500, '{"error_message":{"faultstring":"boom\\u001b[2J."}}', '(500): boom\\u{1b}[2J'],
])('an answer %i %s is refused in words', async (status, body, words) => {
  await using service = await answering(status, {}, body)
  // A service without ports of the node has no other owner to show.
  const power = service.power()
  const { text } = await failureOf(power.status(never))
  expect(text).toContain(words)
})
