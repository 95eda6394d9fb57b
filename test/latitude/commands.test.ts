// The commands over a lab with Latitude.sh's face.
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InterruptedError } from '../../src/errors.ts'
import { labEnvironment } from '../../src/lab/environment.ts'
import { createFastClock } from '../helpers/clock.ts'
import { start } from '../helpers/io.ts'
import { waitUntil } from '../helpers/lab.ts'
import { addServer, findFlaws, openLatitudeLab, publishLatitudeImage, runFast, serversIn, startFast } from './world.ts'

let image: Awaited<ReturnType<typeof publishLatitudeImage>>
beforeAll(async () => {
  image = await publishLatitudeImage()
})
afterAll(() => image[Symbol.asyncDispose]())

const on = ['-machine', 'c3.small.x86', '-metro', 'dal', '-timeout', '1h']
const runArgs = (...rest: string[]) => ['run', 'latitude', '-base-url', image.baseUrl, ...rest, image.prefix]

test('run boots a machine, waits for its console and deletes it', async () => {
  await using lab = await openLatitudeLab()
  const ending = await runFast(lab, runArgs(...on, '-wait-for', 'is up'))
  expect(ending.code, ending.stderr).toBe(0)
  expect(await findFlaws(lab, ending)).toEqual([])
  expect(ending.stdout).toContain('is up')
  expect(await serversIn(lab)).toEqual([])
  expect(ending.stderr).toMatch(/Deleting the machine sv_\w+\.\.\./)
})

test('run --json has one object a line, and no secret', async () => {
  await using lab = await openLatitudeLab()
  const ending = await runFast(lab, runArgs(...on, '-wait-for', 'is up', '-json'))
  expect(ending.code, ending.stderr).toBe(0)
  expect(await findFlaws(lab, ending)).toEqual([])
  const lines = ending.stdout.trimEnd().split('\n')
  const events = lines.map((line): { event: string } => JSON.parse(line)).map(({ event }) => event)
  expect(events).toEqual(
    expect.arrayContaining(['machine-created', 'state', 'console-attached', 'matched', 'machine-deleted']),
  )
})

test('a kept machine is listed, booted again, and removed', async () => {
  await using lab = await openLatitudeLab()
  const kept = await runFast(lab, runArgs(...on, '-wait-for', 'is up', '-keep'))
  expect(kept.code, kept.stderr).toBe(0)
  const id = /^Device ID: (sv_\w+)$/m.exec(kept.stderr)?.[1] ?? ''
  expect((await serversIn(lab)).map((server) => server.id)).toEqual([id])
  expect(kept.stderr).toMatch(/ssh .*-p \d+ .*server-\d+@127\.0\.0\.1/)

  const listed = await runFast(lab, ['ls'])
  expect(listed.code, listed.stderr).toBe(0)
  expect(listed.stdout).toMatch(new RegExp(`^${id} +mk-[0-9a-z]{25} +on +\\S+ +c3-small-x86 +DAL`, 'm'))

  const refused = await runFast(lab, runArgs('-device', id))
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining(`--device would erase the disks of the machine ${id}; add --yes to erase them`),
  ])
  for (const [answer, code, said] of [
    ['n', 2, `the machine ${id} stays as it is`],
    ['y', 0, `Reinstalling ${id}, which erases its disks...`],
  ] as const) {
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} })
    const asked = startFast(lab, runArgs('-device', id, '-timeout', '1h', '-wait-for', 'is up'), stdin)
    await expect.poll(() => asked.texts.stderr).toContain(`Erase the disks of the machine ${id} and boot it? [y/N]`)
    expect(asked.texts.stderr).not.toContain('Reinstalling')
    stdin.write(`${answer}\n`)
    expect([await asked.code, asked.texts.stderr]).toEqual([code, expect.stringContaining(said)])
  }
  const again = await runFast(lab, runArgs('-device', id, '-yes', '-timeout', '1h', '-wait-for', 'is up'))
  expect(again.code, again.stderr).toBe(0)
  expect(again.stderr).toContain(`Reinstalling ${id}, which erases its disks...`)
  expect(await findFlaws(lab, again)).toEqual([])
  expect(await serversIn(lab)).toMatchObject([{ id, attributes: { hostname: expect.stringMatching(/^mk-/) } }])

  const watched = await runFast(lab, [
    'console',
    id,
    '-timeout',
    '5m',
    '-on',
    '#',
    '-send',
    'echo s$((1+1))n\\r',
    '-wait-for',
    'never',
  ])
  expect(watched.code).toBe(8)
  expect(watched.stderr).toContain('console: attached')

  const removed = await runFast(lab, ['rm', id])
  expect(removed.code, removed.stderr).toBe(0)
  expect(await serversIn(lab)).toEqual([])
})

test('--device asks at a terminal before it erases disks', async () => {
  await using lab = await openLatitudeLab()
  const kept = await runFast(lab, runArgs(...on, '-keep', '-console=false'))
  const id = /^Device ID: (sv_\w+)$/m.exec(kept.stderr)?.[1] ?? ''
  await waitUntil(
    () => serversIn(lab),
    ([server]) => server?.attributes.status === 'on',
  )
  const argv = runArgs('-device', id, '-console=false')
  const answer = async (act: (run: ReturnType<typeof start>) => void) => {
    const running = start(argv, labEnvironment(lab), createFastClock(100))
    Object.assign(running.io.stdin, { isTTY: true })
    await waitUntil(
      async () => running.texts.stderr,
      (said) => said.includes(`Erase the disks of the machine ${id}`),
    )
    act(running)
    return { code: await running.code, stderr: running.texts.stderr }
  }
  const say = (text: string) => answer(({ io }) => void io.stdin.push(text))

  const refused = await say('n\n')
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(`the machine ${id} stays as it is`)])
  const left = await answer(({ interrupt }) => interrupt(new InterruptedError('SIGTERM')))
  expect([left.code, left.stderr]).toEqual([143, expect.not.stringContaining('internal error')])
  expect((await serversIn(lab)).map(({ attributes: { status } }) => status)).toEqual(['on'])
  const erased = await say('y\n')
  expect([erased.code, erased.stderr]).toEqual([0, expect.stringContaining('which erases its disks...')])
})

test('rm --older-than deletes what metalkit rented, and nothing else', async () => {
  await using lab = await openLatitudeLab()
  const script = `${image.baseUrl}/demo-latitude.ipxe`
  const own = await addServer(lab, 'web-1', script)
  await addServer(lab, `mk-${'a'.repeat(25)}`, script)
  await addServer(lab, `mk-${'b'.repeat(25)}-2`, script)
  const refused = await runFast(lab, ['rm', own])
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining('its host name is not a mark of metalkit'),
  ])
  const ending = await runFast(lab, ['rm', '--older-than', '0s', '--yes'])
  expect(ending.code, ending.stderr).toBe(0)
  expect((await serversIn(lab)).map(({ id }) => id)).toEqual([own])
  const byMark = `mk-${'c'.repeat(25)}`
  await addServer(lab, byMark, script)
  await addServer(lab, `${byMark}-2`, script)
  const marked = await runFast(lab, ['rm', byMark])
  expect(marked.code, marked.stderr).toBe(0)
  expect((await serversIn(lab)).map(({ id }) => id)).toEqual([own])
})

test('rm with a host name deletes that machine of a run; with the mark, all of them', async () => {
  await using lab = await openLatitudeLab()
  const script = `${image.baseUrl}/demo-latitude.ipxe`
  const mark = `mk-${'d'.repeat(25)}`
  const names = [mark, `${mark}-2`, `${mark}-3`, `mk-${'e'.repeat(25)}-2`]
  const [first, second, third, other] = await Promise.all(names.map((name) => addServer(lab, name, script)))
  const left = async () => new Set((await serversIn(lab)).map(({ id }) => id))
  const surplus = await runFast(lab, ['rm', `${mark}-2`])
  expect([surplus.code, surplus.stderr]).toEqual([0, expect.stringContaining(`The machine ${second} is deleted.`)])
  expect(await left()).toEqual(new Set([first, third, other]))
  const shouted = await runFast(lab, ['rm', `${mark}-3`.toUpperCase()])
  expect([shouted.code, await left()]).toEqual([0, new Set([first, other])])
  await addServer(lab, `${mark}-4`, script)
  const all = await runFast(lab, ['rm', mark])
  expect([all.code, await left()]).toEqual([0, new Set([other])])
})

test('run without a console keeps the machine, and says how to reach it', async () => {
  await using lab = await openLatitudeLab()
  const ending = await runFast(lab, runArgs(...on, '-console=false', '-keep'))
  expect(ending.code, ending.stderr).toBe(0)
  const servers = await waitUntil(
    () => serversIn(lab),
    ([server]) => server?.attributes.status === 'on',
  )
  expect(servers).toHaveLength(1)
  expect(ending.stderr).toContain(`metalkit console ${servers[0]?.id}`)
})

test('the password in the URL of the API is not told', async () => {
  await using lab = await openLatitudeLab()
  const ending = await runFast(lab, ['doctor', 'latitude', '-api-url', lab.apiUrl.replace('//', '//me:hush@')])
  expect(ending.stdout).toContain('accepted by http://me:***@127.0.0.1')
  expect(ending.stdout + ending.stderr).not.toContain('hush')
})

test('doctor latitude checks token, project and what would be rented', async () => {
  await using lab = await openLatitudeLab()
  const ending = await runFast(lab, ['doctor', 'latitude'])
  expect(ending.stdout + ending.stderr).toContain(`accepted by ${lab.apiUrl}`)
  expect(ending.stdout + ending.stderr).toContain('is visible and on demand')
  expect(ending.stdout).toMatch(/^ok +machine +c3-small-x86 can be rented in DAL$/m)
  expect(await findFlaws(lab, ending)).toEqual([])
})

test('a site that no plan has is doubted, by doctor and by run', async () => {
  await using lab = await openLatitudeLab()
  const doubt = 'the site "XXX" is in no plan of the API\'s list: check its spelling'
  const checked = await runFast(lab, ['doctor', 'latitude', '-metro', 'xxx'])
  expect(checked.stdout.split('\n').map((line) => line.split(/ {2,}/))).toContainEqual(['warn', 'machine', doubt])
  expect(checked.stdout + checked.stderr).not.toContain('can be rented')
  const ending = await runFast(lab, runArgs('-project-id', lab.projectId, '-metro', 'xxx'))
  expect(ending.stderr).toContain(`warning: ${doubt}\n`)
  expect(await serversIn(lab)).toEqual([])
})

test.each([
  ['-hostname', 'web1', "--hostname is not for latitude: the host name carries the run's mark"],
  ['-ttl', '1h', '--ttl is not for latitude: its API deletes no machine at a time'],
  ['-sos', 'sos.example.com', "--sos is not for latitude: its API names the host of each machine's console"],
  ['-zone', 'ams1', '--zone is not for latitude: --metro names a site'],
])('%s is refused with what there is instead', async (flag, value, words) => {
  await using lab = await openLatitudeLab()
  const ending = await runFast(lab, runArgs(...on, flag, value))
  expect([ending.code, ending.stderr]).toEqual([2, expect.stringContaining(words)])
})
