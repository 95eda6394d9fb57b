// The console's host key, which Latitude.sh publishes nowhere: trusted at the first use of each address, by the same flags as
// elsewhere. A run that does not trust it deletes its machine.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { labEnvironment } from '../../src/lab/environment.ts'
import { createFastClock } from '../helpers/clock.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { start } from '../helpers/io.ts'
import { needs } from '../helpers/needs.ts'
import { openLatitudeLab, publishLatitudeImage, serversIn } from './world.ts'

describe('the host key of the console', needs('ssh-keygen'), () => {
  let image: Awaited<ReturnType<typeof publishLatitudeImage>>
  let lab: Awaited<ReturnType<typeof openLatitudeLab>>
  let folder: TestFolder
  beforeAll(async () => {
    image = await publishLatitudeImage()
    lab = await openLatitudeLab()
    folder = makeFolder()
  })
  afterAll(async () => {
    folder[Symbol.dispose]()
    await lab[Symbol.asyncDispose]()
    await image[Symbol.asyncDispose]()
  })

  function startRun(file: string, flags: readonly string[] = [], stdin?: PassThrough) {
    const on = ['-machine', 'c3-small-x86', '-metro', 'DAL', '-timeout', '1h', '-wait-for', 'is up']
    const argv = ['run', 'latitude', '-base-url', image.baseUrl, ...on, ...flags, image.prefix]
    return start(argv, { ...labEnvironment(lab), METAL_KNOWN_HOSTS: file }, createFastClock(100), stdin)
  }

  /** A whole run; every one ends without a machine. */
  async function runWith(file: string, ...flags: string[]) {
    const { code, texts } = startRun(file, flags)
    const ending = { code: await code, stderr: texts.stderr }
    expect(await serversIn(lab), texts.stderr).toEqual([])
    expect(texts.stderr).toMatch(/^The machine sv_\w+ is deleted\.$/m)
    return ending
  }

  const fileNamed = (name: string) => join(folder.path, name)
  const lineOf = (key: string) => `[127.0.0.1]:${lab.sos.port} ${key}\n`

  test('is refused without a terminal at first; then pinned, accepted, and known', async () => {
    const file = fileNamed('first-use')
    const refused = await runWith(file)
    expect(refused.code, refused.stderr).toBe(7)
    const fingerprint = /or --host-key (SHA256:\S+)/.exec(refused.stderr)?.[1] ?? ''
    expect(existsSync(file)).toBe(false)
    const wrong = await runWith(file, '-host-key', `SHA256:${'a'.repeat(43)}`)
    expect(wrong.code, wrong.stderr).toBe(7)
    const pinned = await runWith(file, '-host-key', fingerprint)
    expect(pinned.code, pinned.stderr).toBe(0)
    const accepted = await runWith(file, '-host-key-policy', 'accept-new')
    expect(accepted.code, accepted.stderr).toBe(0)
    const known = readFileSync(file, 'utf8')
    expect(known).toMatch(/^\S+ ssh-\S+ \S+\n$/)
    const again = await runWith(file)
    expect(again.code, again.stderr).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe(known)
  })

  test.each([
    ['no', 7],
    ['yes', 0],
  ])('is shown at a terminal, and the answer is %s', async (answer, expected) => {
    const file = fileNamed(`asked-${answer}`)
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} })
    const { code, texts, io } = startRun(file, [], stdin)
    Object.assign(io.stderr, { isTTY: true })
    await expect.poll(() => texts.stderr, { timeout: 20_000 }).toMatch(/SHA256:[\s\S]*yes/)
    stdin.write(`${answer}\n`)
    expect([await code, texts.stderr]).toEqual([expected, expect.stringMatching(/is deleted\.$/m)])
    expect(await serversIn(lab)).toEqual([])
    expect(existsSync(file)).toBe(answer === 'yes')
  })

  test.each([[[]], [['-host-key-policy', 'accept-new']]])('is refused if it has changed, with %j', async (flags) => {
    const file = fileNamed('changed')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', fileNamed(`other-${flags.length}`)])
    const other = lineOf(readFileSync(fileNamed(`other-${flags.length}.pub`), 'utf8').trim())
    writeFileSync(file, other)
    const ending = await runWith(file, ...flags)
    expect([ending.code, ending.stderr]).toEqual([7, expect.stringContaining(`-R '[127.0.0.1]:${lab.sos.port}'`)])
    expect(readFileSync(file, 'utf8')).toBe(other)
  })
})
