import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attendedMachines, startTestLab, type TestLab, waitUntil } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'
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
    (all) => all.includes(words),
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

/** Waits until the program has heard SIGHUP and gone on, and ends it. */
async function staysAfterHangup(lab: TestLab, child: Child): Promise<void> {
  await says(child, 'is up')
  process.kill(child.pid(), 'SIGHUP')
  // Late enough that the signals do not count as one stop, so the second does not replace the first.
  await pause(1200)
  process.kill(child.pid(), 'SIGTERM')
  await child.code
  expect(said(child)).toContain('by SIGTERM')
  expect(await machinesIn(lab)).toEqual([])
}

describe('a run that must continue', { ...needs('bash', 'nohup', 'ps'), timeout: 60_000 }, () => {
  test.each([
    ['nohup', "bash -c 'nohup sh ./go; true'"],
    ['a shell that ignores SIGHUP', "trap '' HUP; sh ./go; true"],
  ])('%s: SIGHUP does not end it', async (_, how) => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 1500 } })
    using child = startChild(lab, args(), { shell: `cat > go <<'EOF'\nCOMMAND\nEOF\n${how}` })
    await staysAfterHangup(lab, child)
  })
})

/** The ways to give a program its ignored SIGHUP, of which nothing is left to see once Node runs. */
const deaf = [
  ['dash, which execs', 'dash -c \'trap "" HUP; exec sh ./go\''],
  ['bash, whose last command it is', 'bash -c \'trap "" HUP; sh ./go\''],
  ['busybox', 'busybox sh -c \'trap "" HUP; exec sh ./go\''],
  ['nohup in a script', 'exec nohup sh ./go'],
  ['env', 'exec env --ignore-signal=HUP sh ./go'],
] as const

const goOf = (how: string) => `cat > go <<'EOF'\nexec COMMAND\nEOF\n${how}`

describe('a SIGHUP', { ...needs('bash', 'busybox', 'nohup', 'ps'), timeout: 60_000 }, () => {
  test.each(deaf)('that is ignored at the start stays ignored: %s', async (_, how) => {
    await using lab = await startTestLab({ driver: attendedMachines() })
    using child = startChild(lab, args(), { shell: goOf(how), as: 'installed' })
    await staysAfterHangup(lab, child)
  })

  // Systems differ in what /bin/sh is.
  test.each(['dash', 'bash', 'busybox sh'])('stays what it was under %s as sh', async (sh) => {
    for (const trap of ['', "trap '' HUP;"]) {
      await using lab = await startTestLab({ driver: attendedMachines() })
      using child = startChild(lab, args(), { shell: goOf(`exec env -u _ sh -c "${trap} exec sh ./go"`), as: sh })
      if (trap !== '') {
        await staysAfterHangup(lab, child)
        continue
      }
      await says(child, 'is up')
      process.kill(child.pid(), 'SIGHUP')
      await child.code
      expect(said(child)).toContain('by SIGHUP')
      expect(await machinesIn(lab)).toEqual([])
    }
  })

  test('ends the run with 129 otherwise', async () => {
    await using lab = await startTestLab({ driver: attendedMachines() })
    using child = startChild(lab, args(), { as: 'installed' })
    await says(child, 'is up')
    process.kill(child.pid(), 'SIGHUP')
    expect(await child.code).toBe(129)
    expect(await machinesIn(lab)).toEqual([])
  })
})

/** What a command of a lab sees of the program, which `sh` starts. */
async function lookFromLab(sh: string, ...look: string[]) {
  const lab = [program, 'lab', '--machines', 'simulated', '--', ...look]
  const child = spawn('sh', ['-c', sh, 'sh', ...lab], { stdio: ['ignore', 'pipe', 'ignore'] })
  return { pid: child.pid, seen: await text(child.stdout) }
}

describe('what the shell at the start leaves', { ...needs('bash'), timeout: 20_000 }, () => {
  test('to commands: no variable, and a SIGHUP as ignored as the program has it', async () => {
    const look = ['bash', '-c', 'echo "note=$METALKIT_SIGHUP"; grep SigIgn /proc/$$/status']
    expect((await lookFromLab('exec "$@"', ...look)).seen).toMatch(/^note=\nSigIgn:\s*[0-9a-f]*[02468ace]\n/)
    const { seen } = await lookFromLab(`trap '' HUP; exec "$@"`, ...look)
    expect(seen).toMatch(/^note=\nSigIgn:\s*[0-9a-f]*[13579bdf]\n/)
  })

  test('to the list of processes: the process, the name and the words of node', async () => {
    const look = ['bash', '-c', String.raw`cat /proc/$PPID/comm; tr '\0' ' ' < /proc/$PPID/cmdline; echo; echo $PPID`]
    const { pid, seen } = await lookFromLab('exec "$@"', ...look)
    const [name, words, id] = seen.split('\n')
    expect([name, id]).toEqual(['node', String(pid)])
    expect(words).toMatch(new RegExp(`^node ${program} lab --machines simulated -- bash -c `))
  })

  test('one line where there is no node', () => {
    const { status, stderr } = spawnSync('/bin/sh', [program], { encoding: 'utf8', env: { PATH: '/nowhere' } })
    expect([status, stderr]).toEqual([127, expect.stringMatching(/^metalkit: node is not in PATH; .*\n$/)])
  })
})
