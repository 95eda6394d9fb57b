// A run that a user suspends, sends to the background, brings back, or leaves there when the window closes.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attendedMachines, startTestLab, type TestLab, waitUntil } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { openShell, type Shell } from './shell.ts'
import { machinesIn, publishImage } from './world.ts'

let image: Awaited<ReturnType<typeof publishImage>>
beforeAll(async () => {
  image = await publishImage()
})
afterAll(() => image[Symbol.asyncDispose]())

const args = (...more: string[]) => ['-v', 'run', 'equinixmetal', '-base-url', image.baseUrl, ...more, image.prefix]
const suspendKey = '\u001a'

async function isStopped(shell: Shell): Promise<void> {
  await waitUntil(
    () => shell.look()?.state,
    (state) => state === 'T',
    60_000,
  )
}
/** bash continues with fg only a job that it knows to be stopped, which it reports at a prompt. */
async function isSeenStopped(shell: Shell): Promise<void> {
  const since = shell.seen().length
  await waitUntil(
    async () => {
      shell.type('jobs\n')
      await pause(300)
      return shell.seen().slice(since)
    },
    (text) => text.includes('Stopped'),
  )
}
async function isInForeground(shell: Shell): Promise<void> {
  await waitUntil(
    () => shell.look(),
    (now) => now !== undefined && now.foreground === now.group,
    60_000,
  )
}
async function hasMachine(lab: TestLab): Promise<void> {
  await waitUntil(
    async () => (await machinesIn(lab)).length,
    (count) => count > 0,
    60_000,
  )
}
async function hasNoMachine(lab: TestLab): Promise<void> {
  await waitUntil(
    async () => (await machinesIn(lab)).length,
    (count) => count === 0,
    60_000,
  )
}
async function hasEnded(shell: Shell): Promise<void> {
  await waitUntil(
    () => shell.look(),
    (now) => now === undefined,
    60_000,
  )
}
/** Input for the shell and the expected output; a job in the background must not read the input. */
async function useShell(shell: Shell): Promise<void> {
  for (const word of ['one', 'two', 'three']) {
    const since = shell.seen().length
    shell.type(`echo $((40+2))-${word}\n`)
    await shell.shows(`42-${word}`, since)
  }
}

describe('a run that leaves the foreground', { ...needs('script', 'bash', 'stty', 'setsid'), timeout: 180_000 }, () => {
  test('~^Z at the console, bg, and fg while it runs: it continues, uses no processor time, and becomes a console again', async () => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 1500 } })
    await using shell = await openShell(lab, args())
    shell.type('sh ./go\n')
    await shell.shows('is up')
    shell.type(`\r~${suspendKey}`)
    await shell.shows('Stopped')
    shell.type('bg\n')
    await useShell(shell)
    const before = shell.look()
    await pause(2000)
    const after = shell.look()
    expect(after?.state).not.toBe('T')
    expect((after?.cpuMs ?? 0) - (before?.cpuMs ?? 0)).toBeLessThan(400)
    shell.type('fg\n')
    await isInForeground(shell)
    // The terminal is raw again; the job notices by itself.
    await pause(700)
    const since = shell.seen().length
    shell.type('echo back-$((6*7))\r')
    await shell.shows('back-', since)
    shell.type('\r~.')
    await shell.shows('You left the console.')
    await hasEnded(shell)
    expect(await machinesIn(lab)).toEqual([])
  })

  test.each([
    ['Ctrl-Z', '', (shell: Shell) => shell.type(suspendKey)],
    ['Ctrl-Z with stty tostop', 'stty tostop', (shell: Shell) => shell.type(suspendKey)],
    ['SIGSTOP', '', (shell: Shell) => void process.kill(shell.pid(), 'SIGSTOP')],
  ])('%s before there is a console, and bg: it attaches and ends there', async (_, first, suspend) => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 10_000 } })
    await using shell = await openShell(lab, args('-wait-for', 'is up'))
    shell.type(`${first}\nsh ./go\n`)
    await hasMachine(lab)
    suspend(shell)
    await shell.shows('Stopped')
    const since = shell.seen().length
    shell.type('bg\n')
    await useShell(shell)
    await hasNoMachine(lab)
    // With tostop the last messages wait for fg; by then the machine is gone.
    if (first !== '') {
      await isSeenStopped(shell)
      expect(shell.seen().slice(since)).not.toContain('simulated machine is up')
      shell.type('fg\n')
    }
    await shell.shows('The console showed every pattern of --wait-for.', since)
    await hasEnded(shell)
    expect(shell.seen().slice(since)).toContain('simulated machine is up')
  })

  test.each([
    ['SIGTERM', '', 143],
    ['SIGTERM', 'stty tostop', 143],
    ['SIGTTIN', '', 149],
    ['SIGTTOU', 'stty tostop', 150],
  ] as const)('~^Z, bg, %s ends it in order: %s', async (signal, first, status) => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 1500 } })
    await using shell = await openShell(lab, args())
    shell.type(`${first}\nsh ./go\n`)
    await shell.shows('is up')
    shell.type(`\r~${suspendKey}`)
    await shell.shows('Stopped')
    shell.type('bg\n')
    await useShell(shell)
    process.kill(shell.pid(), signal)
    await hasNoMachine(lab)
    const since = shell.seen().length
    if (first === '') {
      await hasEnded(shell)
      shell.type('wait %1; echo ended-$?\n')
    } else {
      await isSeenStopped(shell)
      shell.type('fg\necho ended-$?\n')
    }
    await shell.shows(`ended-${status}`, since)
  })

  test.each([
    ['SIGTTIN', '', 149],
    ['SIGTTOU', 'stty tostop', 150],
  ] as const)('%s by hand in the foreground ends it in order: %s', async (signal, first, status) => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 1500 } })
    await using shell = await openShell(lab, args())
    shell.type(`${first}\nsh ./go\n`)
    await shell.shows('is up')
    const since = shell.seen().length
    process.kill(shell.pid(), signal)
    await hasEnded(shell)
    shell.type('echo ended-$?\n')
    await shell.shows(`ended-${status}`, since)
    expect(shell.seen().slice(since)).not.toContain('Stopped')
    expect(await machinesIn(lab)).toEqual([])
  })

  test('SIGSTOP at the console, bg, and input for the shell typed ahead: it continues, and uses no processor time', async () => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 1500 } })
    await using shell = await openShell(lab, args())
    shell.type('sh ./go\n')
    await shell.shows('is up')
    process.kill(shell.pid(), 'SIGSTOP')
    await shell.shows('Stopped')
    const since = shell.seen().length
    shell.type('bg\necho $((40+2))-ahead\necho $((40+2))-more\n')
    await shell.shows('42-more', since)
    await useShell(shell)
    const before = shell.look()
    await pause(2000)
    expect((shell.look()?.cpuMs ?? 0) - (before?.cpuMs ?? 0)).toBeLessThan(400)
    process.kill(shell.pid(), 'SIGTERM')
    await hasNoMachine(lab)
    await hasEnded(shell)
  })

  test('--log /dev/tty in the background with stty tostop: it continues, and its output waits', async () => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 1500 } })
    await using shell = await openShell(lab, args('-log', '/dev/tty', '-wait-for', 'is up'))
    shell.type('stty tostop\nsh ./go >out 2>err &\n')
    await hasMachine(lab)
    await hasNoMachine(lab)
    await hasEnded(shell)
    expect(shell.errors()).toContain('The console showed every pattern of --wait-for.')
    expect(shell.seen()).not.toMatch(/Stopped|simulated machine is up/)
  })

  test('another program of the job that reads the terminal in the background ends it in order', async () => {
    await using lab = await startTestLab({ pace: { queuedMs: 1500 } })
    await using shell = await openShell(lab, args())
    shell.type('(until [ -e now ]; do sleep 0.2; done; exec cat) | sh ./go >out 2>err &\n')
    await hasMachine(lab)
    shell.type('touch now\n')
    await hasNoMachine(lab)
    await hasEnded(shell)
    expect(shell.errors()).toContain('by SIGTTIN')
  })

  test.each([
    ['a background job that prints', 'sh ./go &', ''],
    ['a background job with its output in a file', 'sh ./go > out 2>&1 &', ''],
    ['a suspended job', 'sh ./go', suspendKey],
    ['a job suspended at the console', 'sh ./go', `\r~${suspendKey}`],
    ['the foreground', 'sh ./go', ''],
  ])('closing the window ends the run in order: %s', async (_, how, keys) => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 1500 } })
    await using shell = await openShell(lab, args())
    shell.type(`${how}\n`)
    await hasMachine(lab)
    if (keys.startsWith('\r')) await shell.shows('is up')
    shell.type(keys)
    if (keys !== '') await isStopped(shell)
    shell.close()
    await hasEnded(shell)
    expect(await machinesIn(lab)).toEqual([])
  })

  test.each([
    ['with its output in a file continues', 'sh ./go >out 2>err', true],
    ['that prints ends in order', 'sh ./go', false],
  ])('a disowned job %s when its window closes', async (_, how, stays) => {
    await using lab = await startTestLab({ pace: { queuedMs: 1500 } })
    await using shell = await openShell(lab, args())
    shell.type(`${how} & disown\n`)
    await hasMachine(lab)
    shell.close()
    if (stays) {
      await pause(3000)
      expect(await machinesIn(lab)).toHaveLength(1)
      process.kill(shell.pid(), 'SIGTERM')
    }
    await hasEnded(shell)
    expect(await machinesIn(lab)).toEqual([])
  })

  test('zsh: ~^Z, bg and fg, and a window that closes', needs('zsh'), async () => {
    await using lab = await startTestLab({ pace: { queuedMs: 1500 } })
    await using shell = await openShell(lab, args(), 'zsh -f -i')
    shell.type('sh ./go\n')
    await shell.shows('is up')
    shell.type(`\r~${suspendKey}`)
    await shell.shows(/suspended/)
    shell.type('bg\n')
    await useShell(shell)
    expect(shell.look()?.state).not.toBe('T')
    const since = shell.seen().length
    shell.type('fg\n')
    await isInForeground(shell)
    await pause(700)
    shell.type('echo back-$((6*7))\r')
    await shell.shows('back-', since)
    shell.close()
    await hasEnded(shell)
    expect(await machinesIn(lab)).toEqual([])
  })

  test.each([
    ['setsid', 'setsid sh ./go'],
    ['setsid with its errors in a file', 'setsid sh ./go 2> err'],
    // Node resets its own signals when it starts, so the shell reports them.
    ['SIGHUP ignored', "(trap '' HUP; sh ./go; true)"],
    ['SIGHUP ignored in the background', "(trap '' HUP; sh ./go; true) &"],
    ['nohup', 'nohup sh ./go &'],
  ])('closing the window does not affect %s', async (_, how) => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 1500 } })
    await using shell = await openShell(lab, args())
    shell.type(`${how}\n`)
    await hasMachine(lab)
    shell.close()
    // Through the boot, although its progress and console cannot be shown anywhere.
    await pause(5000)
    expect(shell.look()).toBeDefined()
    const [machine] = await machinesIn(lab)
    expect(machine).toBeDefined()
    const before = shell.look()
    await pause(1000)
    expect((shell.look()?.cpuMs ?? 0) - (before?.cpuMs ?? 0)).toBeLessThan(400)
    process.kill(shell.pid(), 'SIGTERM')
    await hasEnded(shell)
    expect(shell.errors()).not.toMatch(/Native stack|Assertion/)
    expect(await machinesIn(lab)).toEqual([])
  })

  test('a run under setsid does not read the keys of the shell', async () => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 500 } })
    await using shell = await openShell(lab, args())
    shell.type('setsid sh ./go &\n')
    await shell.shows('is up')
    await useShell(shell)
    process.kill(shell.pid(), 'SIGTERM')
    await hasEnded(shell)
    expect(await machinesIn(lab)).toEqual([])
  })
})
