import { writeFile } from 'node:fs/promises'
import { createServer, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InterruptedError } from '../../src/errors.ts'
import { labEnvironment } from '../../src/lab/environment.ts'
import { parseFaults } from '../../src/lab/faults/faults.ts'
import { createFastClock } from '../helpers/clock.ts'
import { start } from '../helpers/io.ts'
import { attendedMachines, startTestLab, waitUntil } from '../helpers/lab.ts'
import { listen } from '../helpers/port.ts'
import { addMachine, judge, machinesIn, publishImage, runFast } from './world.ts'

let image: Awaited<ReturnType<typeof publishImage>>
beforeAll(async () => {
  image = await publishImage()
})
afterAll(() => image[Symbol.asyncDispose]())

/** The first connection to the SOS checks its key before anything is rented; later ones open the machine's console. */
test.concurrent.for([
  // Before the machine exists: nothing is rented.
  ['sos:drop-before', [7], 0],
  ['sos:silent', [7], 0],
  ['sos:wrong-key', [7], 0],
  // After the machine exists.
  ['sos:drop-before after=1', [8], 1],
  ['sos:drop-before x2 after=1', [0], 1],
  ['sos:silent after=1', [8], 1],
  ['sos:wrong-key after=1', [7], 1],
  ['sos:auth-refused after=1', [7], 1],
  ['sos:auth-refused x1 after=1', [0], 1],
  ['sos:drop-session after=1', [8], 1],
  ['sos:drop-session x1 after=1', [8], 1],
] as const)('%s ends with %j', async ([faults, codes, created]) => {
  // A machine says that it is up once: not before its console has been reached.
  await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 500 } })
  lab.faults.set(parseFaults(faults))
  const pattern = faults.includes('drop-session') ? 'never shown' : 'is up'
  // The check of the SOS's key, 15 s for a silent one, uses a clock that is not accelerated.
  const timeout = created === 0 ? '40m' : '30m'
  const run = [
    'run',
    'equinixmetal',
    '-base-url',
    image.baseUrl,
    '-timeout',
    timeout,
    '-wait-for',
    pattern,
    image.prefix,
  ]
  // A refused key is retried for 15 s, which must suffice for a login on a busy computer.
  const ending = await runFast(lab, run, {}, createFastClock(faults.includes('auth-refused x1') ? 3 : 100))
  expect(lab.faults.list().every(({ played }) => played > 0)).toBe(true)
  expect(await judge(lab, ending)).toEqual([])
  expect(codes, ending.stderr).toContain(ending.code)
  expect(ending.stderr.includes('Booting')).toBe(created === 1)
  expect(ending.stderr.match(/^metalkit: /gm) ?? []).toHaveLength(ending.code === 0 ? 0 : 1)
  expect(await machinesIn(lab)).toEqual([])
})

/** A proxy to the SOS that closes after some connections. */
async function openGate(port: number, connections: number) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    if (--connections <= 0) server.close()
    const onward = connect(port, '127.0.0.1')
    for (const end of [socket, onward]) {
      sockets.add(end)
      end.on('error', () => {})
    }
    socket.pipe(onward).pipe(socket)
  })
  return {
    port: await listen(server),
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

test.concurrent('if the SOS refuses connections once the machine exists, the machine is still deleted', async () => {
  await using lab = await startTestLab()
  using gate = await openGate(lab.sos.port, 1)
  const run = ['run', 'equinixmetal', '-base-url', image.baseUrl, '-timeout', '5m', '-wait-for', 'is up']
  const ending = await runFast(lab, [...run, '-sos', `127.0.0.1:${gate.port}`, image.prefix])
  expect(await judge(lab, ending)).toEqual([])
  expect(ending.code, ending.stderr).toBe(8)
  expect(ending.stderr).toContain('its console was not reached')
  expect(ending.stderr).toContain('refuses connections')
})

async function shows(text: () => string, words: string): Promise<void> {
  await waitUntil(text, (seen) => seen.includes(words))
}

test.concurrent('a console in use is tried again, with the reason, until it is free', async () => {
  await using lab = await startTestLab()
  const id = await addMachine(lab, image.baseUrl)
  const attach = () => start(['console', '-v', '--wait-for', 'never', id], labEnvironment(lab), createFastClock(20))
  const first = attach()
  await shows(() => first.texts.stdout, 'SOS Session Ready')
  const second = attach()
  const refusal = `console: "127.0.0.1:${lab.sos.port}": another session is using this console; close it there first (~.`
  await shows(() => second.texts.stderr, refusal)
  // Reported once, or with -v each time.
  await waitUntil(
    () => second.texts.stderr.split(refusal).length,
    (parts) => parts > 3,
  )
  expect(second.texts.stdout).toBe('')
  expect(second.texts.stderr).not.toContain('attach')
  first.interrupt(new InterruptedError('SIGTERM'))
  expect(await first.code).not.toBe(0)
  await shows(() => second.texts.stdout, 'SOS Session Ready')
  second.interrupt(new InterruptedError('SIGTERM'))
  expect(await second.code).not.toBe(0)
})

test.concurrent('with an unknown SOS, nothing is rented', async () => {
  await using lab = await startTestLab()
  const empty = join(lab.stateFolder, 'nobody')
  await writeFile(empty, '')
  const ending = await runFast(lab, [
    'run',
    'equinixmetal',
    '-base-url',
    image.baseUrl,
    '-known-hosts',
    empty,
    image.prefix,
  ])
  expect(ending.code, ending.stderr).toBe(7)
  expect(ending.stderr).not.toContain('Booting')
  expect(await judge(lab, ending)).toEqual([])
})
