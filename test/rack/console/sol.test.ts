// Consoles over Serial-over-LAN: ipmitool against OpenIPMI's simulator and pyghmi's BMC.
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Resources } from '../../../src/resources.ts'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { needs, needsPython } from '../../helpers/needs.ts'
import { awaitBmc, findFreeUdpPort, type IpmiSim, simPassword, simUser, startIpmiSim } from '../ipmi-sim.ts'
import { powerOf, secretsOf } from '../machine.ts'
import { startPyghmi } from '../run/pyghmi.ts'
import { hum, WiredMachine } from '../run/wired-machine.ts'
import { awaitLine, endProgram, makePtyPair, openFarEnd, openFor, type PtyPair } from './open.ts'

const { env } = secretsOf(simPassword)

function keysOf(port: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  const login = { ipmi: `127.0.0.1:${port}`, user: simUser, password: { env: 'BMC_PASSWORD' }, ...more }
  return { power: login, console: 'sol' }
}

/** The ids of the ipmitool processes that talk to a port. */
function findSessions(port: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((id) => {
      try {
        const line = readFileSync(`/proc/${id}/cmdline`, 'utf8')
        return line.startsWith('ipmitool') && line.includes(`\0${port}\0`) && line.includes('activate')
      } catch {
        return false
      }
    })
    .map(Number)
}

const never = new AbortController().signal

// At times ipmi_sim carries no byte in either direction until it is started again, with ipmitool alone too.
describe('with a BMC', { ...needs('ipmitool', 'ipmi_sim', 'socat'), retry: 2 }, () => {
  let folder: TestFolder
  let pair: PtyPair
  let sim: IpmiSim

  beforeEach(async () => {
    folder = makeFolder()
    pair = await makePtyPair(folder.path)
    sim = await startIpmiSim(folder.path, { sol: pair.near })
  })
  afterEach(async () => {
    await sim[Symbol.asyncDispose]()
    await pair.kill()
    folder[Symbol.dispose]()
  })

  test('bytes pass in both directions, and nothing of ipmitool is among them', { timeout: 60_000 }, async () => {
    await using r1 = await openFor(keysOf(sim.port), { env })
    expect(r1.lines).toEqual([])
    using machine = openFarEnd(pair)
    await awaitLine(r1, machine)
    r1.type('~.\r~.~~\r\n~B~?')
    await expect.poll(() => machine.heard()).toContain('~.\r~.~~\r\n~B~?')
    const paste = 'x'.repeat(99).concat('\r').repeat(26)
    r1.type(`<${paste}>`)
    await expect.poll(() => machine.heard(), { timeout: 20_000 }).toContain(`<${paste}>`)
    machine.print('\u0000\u00ff~B [send break]\r\nlogin: ')
    await expect.poll(() => r1.output().replace(/^\.+/, '')).toBe('\u0000\u00ff~B [send break]\r\nlogin: ')
    r1.console.sendBreak()
    machine.print('sysrq')
    await expect.poll(() => r1.output()).toMatch(/login: sysrq$/)
    expect(findSessions(sim.port)).toHaveLength(1)
  })

  test('the power answers while the console is open, and the console stays while the power changes', async () => {
    await using r1 = await openFor(keysOf(sim.port), { env })
    const { power } = powerOf(keysOf(sim.port), simPassword)
    using machine = openFarEnd(pair)
    await power.on(never)
    await awaitLine(r1, machine)
    await power.off(never)
    await power.on(never)
    machine.print('second boot')
    await expect.poll(() => r1.output()).toContain('second boot')
    expect(r1.lines).toEqual([])
  })

  test('a BMC that is killed and started again has its console back', { timeout: 60_000 }, async () => {
    await using r1 = await openFor(keysOf(sim.port), { env })
    using machine = openFarEnd(pair)
    await awaitLine(r1, machine)
    await sim.kill()
    await expect.poll(() => r1.lines.at(-1), { timeout: 30_000 }).toContain('the console of "r1"')
    expect(r1.lines[0]).toBe(
      `the console of "r1" is lost: the BMC of "r1" at "127.0.0.1:${sim.port}" does not answer; it is tried again until it opens`,
    )
    r1.type('nobody hears this')
    await sim.restart()
    await expect.poll(() => r1.lines.at(-1), { timeout: 30_000 }).toBe('the console of "r1" is open again')
    machine.print('login: ')
    await expect.poll(() => r1.output()).toContain('login: ')
    expect(machine.heard()).not.toContain('nobody')
    expect(findSessions(sim.port)).toHaveLength(1)
  })

  test('a session of somebody who was killed is taken over', { timeout: 60_000 }, async () => {
    const args = ['-I', 'lanplus', '-H', '127.0.0.1', '-p', String(sim.port), '-U', simUser, '-E', '-C', '3']
    const other = spawn('ipmitool', [...args, 'sol', 'activate'], { env: { ...env, IPMI_PASSWORD: simPassword } })
    // What it complains of once its session is open.
    let said = ''
    other.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
    await expect.poll(() => said, { timeout: 20_000 }).toContain('tcgetattr')
    await endProgram(other)
    await using r1 = await openFor(keysOf(sim.port), { env })
    expect(r1.lines).toEqual([])
    using machine = openFarEnd(pair)
    await awaitLine(r1, machine)
  })

  test('disposing leaves no ipmitool, and gives the session back', { timeout: 60_000 }, async () => {
    for (let round = 0; round < 2; round++) {
      const r1 = await openFor(keysOf(sim.port), { env })
      expect(r1.lines).toEqual([])
      expect(findSessions(sim.port)).toHaveLength(1)
      await r1[Symbol.asyncDispose]()
      expect(findSessions(sim.port)).toEqual([])
    }
    const args = ['-I', 'lanplus', '-H', '127.0.0.1', '-p', String(sim.port), '-U', simUser, '-E', '-C', '3']
    // Without the deactivation that the console begins with.
    const next = spawn('ipmitool', [...args, 'sol', 'activate'], { env: { ...env, IPMI_PASSWORD: simPassword } })
    let said = ''
    next.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()))
    next.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
    await expect.poll(() => said, { timeout: 20_000 }).toContain('tcgetattr')
    expect(said).not.toContain('already active')
    await endProgram(next)
  })

  test('disposing is quick although the BMC is dead', { timeout: 60_000 }, async () => {
    const r1 = await openFor(keysOf(sim.port), { env })
    await sim.kill()
    const started = performance.now()
    await r1[Symbol.asyncDispose]()
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(findSessions(sim.port)).toEqual([])
  })

  test('a wrong password and a silent BMC are one line each, without the password', { timeout: 60_000 }, async () => {
    const wrong = { env: { ...env, BMC_PASSWORD: 'not-the-password' } }
    await using refused = await openFor(keysOf(sim.port), wrong)
    expect(refused.lines).toHaveLength(1)
    expect(refused.lines[0]).toContain('does not accept the user "admin", its password, or cipher suite 17 or 3')
    expect(refused.lines[0]).not.toContain('not-the-password')
    await using silent = await openFor(keysOf(await findFreeUdpPort()), { env })
    expect(silent.lines[0]).toContain('does not answer')
    await using secretless = await openFor(keysOf(sim.port), { env: {} })
    expect(secretless.lines[0]).toContain('the BMC password of "r1" is missing: the variable BMC_PASSWORD is not set')
  })

  test('a signal ends the wait for the first attempt, and leaves nothing', { timeout: 60_000 }, async () => {
    const over = new AbortController()
    const reason = new Error('enough')
    const opening = openFor(keysOf(await findFreeUdpPort()), { env, signal: over.signal })
    over.abort(reason)
    await expect(opening).rejects.toBe(reason)
  })

  test.each(['', 'deaf'])('ipmitool ends when this program is killed %s', { timeout: 60_000 }, async (how) => {
    const program = join(folder.path, 'hold.cjs')
    const bundle = await rolldown({
      input: 'test/rack/console/hold.ts',
      platform: 'node',
      external: /\.node$|cpu-features/,
      transform: { target: 'node20.19' },
    })
    await bundle.write({ file: program, format: 'cjs', codeSplitting: false })
    await bundle.close()
    const machine = { name: 'r1', plan: 'small', macs: ['52:54:00:aa:00:01'], firmware: 'uefi', ...keysOf(sim.port) }
    const rack = { network: { address: '127.0.0.1' }, plans: { small: {} }, machines: [machine] }
    const file = folder.write('rack.yaml', JSON.stringify(rack))
    const holder = spawn(process.execPath, [program, file, how], { env: { ...process.env, ...env } })
    let said = ''
    holder.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()))
    holder.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
    await expect.poll(() => said, { timeout: 20_000 }).not.toBe('')
    expect(said).toBe('open\n')
    expect(findSessions(sim.port)).toHaveLength(1)
    using far = openFarEnd(pair)
    far.print('x'.repeat(10_000))
    await endProgram(holder)
    await expect.poll(() => findSessions(sim.port), { timeout: 10_000 }).toEqual([])
    await using r1 = await openFor(keysOf(sim.port), { env })
    expect(r1.lines).toEqual([])
  })
})

const needsPyghmi = {
  skip: needs('ipmitool', 'socat', 'curl', 'setpriv').skip || needsPython('pyghmi').skip,
  timeout: 120_000,
}

test('bytes pass with the BMC of pyghmi, and the console comes back after a restart', needsPyghmi, async () => {
  using folder = makeFolder()
  await using held = new Resources()
  const pair = await makePtyPair(folder.path)
  held.use({ [Symbol.asyncDispose]: () => pair.kill() })
  const machine = held.use(await new WiredMachine(join(folder.path, 'wires'), hum).open())
  const port = await findFreeUdpPort()
  const ready = async (isAlive: () => boolean) => await awaitBmc(port, isAlive)
  const bmc = held.use(await startPyghmi({ machine, port, password: simPassword, sol: pair.near, ready }))
  await using r1 = await openFor(keysOf(port), { env })
  expect(r1.lines).toEqual([])
  using far = openFarEnd(pair)
  await awaitLine(r1, far)
  // pyghmi may lose the first byte of what is typed.
  const typeAgain = (text: string) => () => {
    r1.type(text)
    return far.heard()
  }
  await expect.poll(typeAgain('~.\r~.~~\r'), { timeout: 20_000 }).toContain('~.\r~.~~\r')
  await bmc.kill()
  await expect.poll(() => r1.lines[0], { timeout: 30_000 }).toContain('is lost')
  await bmc.start()
  await expect.poll(() => r1.lines.at(-1), { timeout: 30_000 }).toBe('the console of "r1" is open again')
  const printAgain = () => {
    far.print('second boot\r\n')
    return r1.output()
  }
  await expect.poll(printAgain, { timeout: 20_000 }).toContain('second boot')
  await expect.poll(typeAgain('heard again'), { timeout: 20_000 }).toContain('heard again')
})
