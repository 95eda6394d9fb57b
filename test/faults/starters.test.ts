import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attendedMachines, startTestLab, waitUntil } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { type Child, startChild } from './children.ts'
import { machinesIn, publishImage } from './world.ts'

let image: Awaited<ReturnType<typeof publishImage>>
beforeAll(async () => {
  image = await publishImage()
})
afterAll(async () => await image[Symbol.asyncDispose]())

const said = ({ seen }: Child) => seen.out + seen.err
const says = async (child: Child, words: string) =>
  await waitUntil(
    () => said(child),
    (text) => text.includes(words),
    20_000,
  )
const args = () => ['-vv', 'run', 'equinixmetal', '-base-url', image.baseUrl, image.prefix]

describe('npm ends', { ...needs('npm', 'ps'), timeout: 60_000 }, () => {
  test.each(['SIGTERM', 'SIGKILL'] as const)('by %s ends the run in order', async (signal) => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 1500 } })
    const shell = "cat > go <<'EOF'\nCOMMAND\nEOF\nnpm exec --offline -c 'sh ./go; true' & echo $! > npm; wait"
    using child = startChild(lab, args(), { shell })
    await says(child, 'is up')
    process.kill(Number(readFileSync(join(child.folder, 'npm'), 'utf8')), signal)
    await child.code
    expect(said(child)).toContain('npm, which started this run, has ended')
    expect(await machinesIn(lab)).toEqual([])
  })
})

describe('a run that must continue', { ...needs('bash', 'nohup', 'ps'), timeout: 60_000 }, () => {
  test.each([
    ['nohup', "bash -c 'nohup sh ./go; true'"],
    ['a shell that ignores SIGHUP', "trap '' HUP; sh ./go; true"],
  ])('%s: SIGHUP does not end it', async (_, how) => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 1500 } })
    using child = startChild(lab, args(), { shell: `cat > go <<'EOF'\nCOMMAND\nEOF\n${how}` })
    await says(child, 'is up')
    process.kill(child.pid(), 'SIGHUP')
    // Late enough that the signals do not count as one stop, so the second does not replace the first.
    await pause(1200)
    process.kill(child.pid(), 'SIGTERM')
    await child.code
    expect(said(child)).toContain('by SIGTERM')
    expect(await machinesIn(lab)).toEqual([])
  })
})
