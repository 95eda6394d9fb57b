import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseFaults } from '../../src/lab/faults/faults.ts'
import { stopSignals } from '../../src/interruption.ts'
import { attendedMachines, startTestLab, type TestLab, waitUntil } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { listen } from '../helpers/port.ts'
import { type Child, startChild } from './children.ts'
import { judge, machinesIn, publishImage, runPooled } from './world.ts'

let image: Awaited<ReturnType<typeof publishImage>>
/** Accepts connections and sends nothing. */
let mute: Server
let muteUrl = ''

beforeAll(async () => {
  image = await publishImage()
  mute = createServer(() => {})
  muteUrl = `http://127.0.0.1:${await listen(mute)}`
})
afterAll(async () => {
  mute.close()
  await image[Symbol.asyncDispose]()
})

/** The moment of a signal: how to reach it, and how to detect from outside that the run has reached it. */
interface Moment {
  faults?: string
  pace?: { queuedMs?: number; stepMs?: number }
  baseUrl?: () => string
  args?: string[]
  isThere: (lab: TestLab, child: Child) => Promise<boolean> | boolean
  /** The exit code if it is not the signal's, because the run had finished its work. */
  code?: number
}

const said = ({ seen }: Child) => seen.out + seen.err
const stateIs = (state: string) => async (lab: TestLab) => {
  const { json } = await lab.call('GET', `/projects/${lab.projectId}/devices`)
  return json.devices.some((device: { state: string }) => device.state === state)
}
/** A console has no scrollback, so the machine starts late enough for a busy computer to attach. */
const unhurried = { queuedMs: 1500 }
const waitForUp = ['-wait-for', 'is up']

const moments: Record<string, Moment> = {
  'while the URLs are checked': {
    baseUrl: () => muteUrl,
    isThere: async () => {
      const count = await new Promise<number>((resolve) => mute.getConnections((_, open) => resolve(open)))
      return count > 0
    },
  },
  'while the console is probed': {
    faults: 'sos:silent',
    isThere: (lab) => (lab.faults.list()[0]?.played ?? 0) > 0,
  },
  'while the create is under way': {
    faults: 'create:slow-headers for=1500ms',
    isThere: (lab) => (lab.faults.list()[0]?.played ?? 0) > 0,
  },
  'while the machine is queued': { pace: { queuedMs: 1000 }, isThere: stateIs('queued') },
  'while it is provisioning': { pace: { stepMs: 500 }, isThere: stateIs('provisioning') },
  'at the console': { pace: unhurried, isThere: (_, child) => said(child).includes('is up') },
  'while it is being deleted': {
    faults: 'delete:422-provisioning x1',
    pace: unhurried,
    args: waitForUp,
    isThere: (_, child) => said(child).includes('cannot be deleted yet'),
    code: 0,
  },
}
const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGQUIT: 131 } as const

async function runTo({ faults = '', baseUrl, args = [], isThere }: Moment, lab: TestLab, terminal: boolean) {
  lab.faults.set(parseFaults(faults))
  const url = baseUrl?.() ?? image.baseUrl
  const child = startChild(
    lab,
    ['-vv', 'run', 'equinixmetal', '-base-url', url, '-id-file', 'machine.id', ...args, image.prefix],
    { terminal },
  )
  try {
    await waitUntil(
      async () => child.pid() > 0 && (await isThere(lab, child)),
      (there) => there,
      25_000,
    )
    return child
  } catch (error) {
    const text = said(child)
    child[Symbol.dispose]()
    throw new Error(`never there:\n${text}`, { cause: error })
  }
}

/** Sends a signal at a moment, in a terminal. @returns the problems found */
async function playSignal(moment: Moment, signal: keyof typeof signals): Promise<string[]> {
  await using lab = await startTestLab({ driver: attendedMachines(), pace: moment.pace ?? {} })
  using child = await runTo(moment, lab, true)
  process.kill(child.pid(), signal)
  const code = await child.code
  const wrongs = await judge(lab, { code, stdout: '', stderr: said(child).replaceAll('\r', '') })
  const expected = moment.code ?? signals[signal]
  if (code !== expected) wrongs.push(`ends with ${code}, not ${expected}:\n${said(child)}`)
  const [before, after] = child.terminal()
  if (before === '' || before !== after) wrongs.push(`the terminal is not restored: ${before} -> ${after}`)
  if (child.survivors() !== '') wrongs.push(`still runs: ${child.survivors()}`)
  if (readdirSync(child.folder).some((name) => name.endsWith('.tmp'))) wrongs.push('half a file is left')
  return wrongs
}

const table = [
  ...Object.keys(moments).flatMap((when) =>
    (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => ({ when, signal })),
  ),
  ...['while it is provisioning', 'at the console'].map((when) => ({ when, signal: 'SIGQUIT' as const })),
]

describe('a signal', { ...needs('script', 'ps'), timeout: 180_000 }, () => {
  let results: Promise<string[]>[] = []
  let losses = 0
  beforeAll(() => {
    results = runPooled(
      table.map(
        ({ when, signal }) =>
          async () =>
            await playSignal(moments[when] ?? { isThere: () => true }, signal),
      ),
      4,
    )
    for (const result of results) result.catch(() => {})
  })
  afterAll(() => {
    process.stderr.write(`signals: ${table.length} cases, ${losses} losses\n`)
  })

  test.each(table.map(({ when, signal }, index) => [signal, when, index] as const))('%s %s', async (_s, _w, index) => {
    losses++
    expect(await results[index]).toEqual([])
    losses--
  })
})

describe('a second signal', { ...needs('script', 'ps'), timeout: 60_000 }, () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s while the machine cannot be deleted names the remaining machine',
    async (signal) => {
      await using lab = await startTestLab({ driver: attendedMachines(), pace: unhurried })
      const moment = { ...moments['at the console'], faults: 'delete:422-provisioning' }
      using child = await runTo({ isThere: () => true, ...moment }, lab, true)
      process.kill(child.pid(), signal)
      await waitUntil(
        () => said(child),
        (text) => text.includes('cannot be deleted yet'),
        15_000,
      )
      const [machine] = await machinesIn(lab)
      expect(said(child)).toContain(
        signal === 'SIGINT' ? 'Ctrl-C again gives up' : ': giving the machine back. Ctrl-C gives up',
      )
      await pause(1200)
      process.kill(child.pid(), signal)
      const code = await child.code
      expect(code).toBe(9)
      expect(said(child)).toContain(`the machine ${machine?.id} STILL RUNS: `)
      expect(said(child)).toContain(`delete it with: metalkit rm ${machine?.id}`)
      const [before, after] = child.terminal()
      expect(after).toBe(before)
      expect(await judge(lab, { code, stdout: '', stderr: said(child).replaceAll('\r', '') })).toEqual([])
    },
  )

  test('is the first one after --timeout, as the run says', async () => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: unhurried })
    const moment = { ...moments['at the console'], faults: 'delete:422-provisioning' }
    const args = ['-wait-for', 'never shown', '-timeout', '8s']
    using child = await runTo({ isThere: () => true, ...moment, args }, lab, false)
    await waitUntil(
      () => said(child),
      (text) => /A signal gives up[^]*cannot be deleted yet/.test(text),
      30_000,
    )
    expect(said(child)).toContain('The run ends early: giving the machine back. A signal gives up.')
    const [machine] = await machinesIn(lab)
    await pause(1200)
    process.kill(child.pid(), 'SIGTERM')
    const code = await child.code
    expect(code).toBe(9)
    expect(said(child)).toContain(`the machine ${machine?.id} STILL RUNS: `)
    expect(await judge(lab, { code, stdout: '', stderr: said(child) })).toEqual([])
  })

  test('--timeout does not end the giving back, and a signal in it is the first', async () => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: unhurried })
    const moment = { ...moments['at the console'], faults: 'delete:422-provisioning' }
    using child = await runTo(
      { isThere: () => true, ...moment, args: ['-wait-for', 'is up', '-timeout', '12s'] },
      lab,
      false,
    )
    await pause(13_000)
    expect(said(child)).not.toContain('The run ends early')
    process.kill(child.pid(), 'SIGTERM')
    await waitUntil(
      () => said(child),
      (text) => text.includes('giving the machine back. A second signal gives up.'),
      5000,
    )
    await pause(1200)
    process.kill(child.pid(), 'SIGTERM')
    expect(await child.code).toBe(9)
  })

  test('during the create names the tag, and the command that deletes the machine', async () => {
    await using lab = await startTestLab({ driver: attendedMachines() })
    const moment = { ...moments['while the create is under way'], faults: 'create:slow-headers for=8000ms' }
    using child = await runTo({ isThere: () => true, ...moment }, lab, true)
    process.kill(child.pid(), 'SIGINT')
    await pause(1200)
    process.kill(child.pid(), 'SIGINT')
    const code = await child.code
    expect(code).toBe(9)
    expect(said(child)).toMatch(/MAY EXIST; delete it with: metalkit rm metalkit-run-/)
    expect(await judge(lab, { code, stdout: '', stderr: said(child).replaceAll('\r', '') })).toEqual([])
  })
})

describe(
  'one act that arrives as two events deletes the machine',
  { ...needs('script', 'ps', 'timeout', 'tee'), timeout: 60_000 },
  () => {
    test.each<[NodeJS.Signals, NodeJS.Signals, number[]]>([
      ['SIGTERM', 'SIGHUP', [143]],
      ['SIGHUP', 'SIGTERM', [143]],
      ['SIGINT', 'SIGTERM', [130, 143]],
      ['SIGINT', 'SIGINT', [130]],
      ['SIGHUP', 'SIGHUP', [129]],
    ])('%s and %s', async (one, other, codes) => {
      await using lab = await startTestLab({ driver: attendedMachines(), pace: unhurried })
      using child = await runTo(moments['at the console'] ?? { isThere: () => true }, lab, true)
      process.kill(child.pid(), one)
      await pause(1)
      process.kill(child.pid(), other)
      expect(codes, said(child)).toContain(await child.code)
      expect(await machinesIn(lab)).toEqual([])
      expect(said(child)).toMatch(/Ctrl-C (again )?gives up/)
    })

    test('timeout, which signals its child and then the group', async () => {
      await using lab = await startTestLab({ driver: attendedMachines(), pace: { stepMs: 3000 } })
      const args = ['run', 'equinixmetal', '-base-url', image.baseUrl, image.prefix]
      using child = startChild(lab, args, { shell: 'timeout 6 COMMAND' })
      await child.code
      expect(said(child)).toContain('interrupted: by SIGTERM')
      expect(said(child)).toMatch(/The machine \S+ is deleted/)
      expect(await machinesIn(lab)).toEqual([])
    })

    test('Ctrl-C with a pipe into tee', async () => {
      await using lab = await startTestLab({ driver: attendedMachines(), pace: { stepMs: 1000 } })
      const args = ['-vv', 'run', 'equinixmetal', '-base-url', image.baseUrl, image.prefix]
      using child = startChild(lab, args, { shell: '(trap : INT; PROGRAM) 2>&1 | tee log', terminal: true })
      await waitUntil(
        async () => (await machinesIn(lab)).length,
        (count) => count > 0,
        20_000,
      )
      child.process.stdin?.write('\u0003')
      expect(await child.code, said(child)).toBe(130)
      expect(await machinesIn(lab)).toEqual([])
    })

    test('a closed terminal does not change the exit code, and Node prints no stack trace', async () => {
      await using lab = await startTestLab({ driver: attendedMachines(), pace: unhurried })
      const args = ['-vv', 'run', 'equinixmetal', '-base-url', image.baseUrl, image.prefix]
      using child = startChild(lab, args, { shell: '(trap : HUP; PROGRAM 2> err)', terminal: true })
      await waitUntil(
        () => said(child),
        (text) => text.includes('is up'),
        20_000,
      )
      child.process.kill('SIGKILL')
      await waitUntil(
        () => existsSync(join(child.folder, 'code')),
        (there) => there,
        20_000,
      )
      expect(readFileSync(join(child.folder, 'code'), 'utf8').trim()).toBe('129')
      expect(readFileSync(join(child.folder, 'err'), 'utf8')).not.toMatch(/Native stack|ResetStdio|Assertion/)
      expect(await machinesIn(lab)).toEqual([])
    })

    test.each(['SIGTTIN', 'SIGTTOU'] as const)('%s without a terminal ends the run in order', async (name) => {
      await using lab = await startTestLab({ pace: unhurried })
      using child = await runTo(moments['at the console'] ?? { isThere: () => true }, lab, false)
      process.kill(child.pid(), name)
      expect(await child.code, said(child)).toBe(128 + constants.signals[name])
      expect(await machinesIn(lab)).toEqual([])
    })

    test.each(stopSignals.filter((name) => !(name in signals)))('%s ends the run in order', async (name) => {
      await using lab = await startTestLab({ driver: attendedMachines(), pace: unhurried })
      using child = await runTo(moments['at the console'] ?? { isThere: () => true }, lab, true)
      process.kill(child.pid(), name)
      expect(await child.code, said(child)).toBe(128 + constants.signals[name])
      expect(said(child)).not.toContain('Debugger')
      expect(await machinesIn(lab)).toEqual([])
    })
  },
)

describe('output that cannot be written', { ...needs('script', 'ps'), timeout: 60_000 }, () => {
  test('closing the terminal deletes the machine', async () => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: unhurried })
    using child = await runTo(moments['at the console'] ?? { isThere: () => true }, lab, true)
    child.process.kill('SIGKILL')
    await waitUntil(
      () => child.survivors(),
      (text) => text === '',
      20_000,
    )
    expect(await machinesIn(lab)).toEqual([])
  })

  test.each([
    ['a reader of stdout that exits', 'PROGRAM | head -1', 141],
    ['a reader of stdout and stderr that exits', 'PROGRAM 2>&1 | head -1', 141],
    ['a full disk', 'PROGRAM > /dev/full', 7],
  ])('%s ends the run, and the machine', async (_, shell, code) => {
    await using lab = await startTestLab({ driver: attendedMachines() })
    const args = ['-vv', 'run', 'equinixmetal', '-base-url', image.baseUrl, image.prefix]
    using child = startChild(lab, args, { shell })
    expect(await child.code, said(child)).toBe(code)
    expect(await judge(lab, { code, stdout: child.seen.out, stderr: child.seen.err })).toEqual([])
    expect(await machinesIn(lab)).toEqual([])
    expect(child.survivors()).toBe('')
  })
})
