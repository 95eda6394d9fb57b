// Power by commands, by magic packet and by hand.
import { createSocket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { PowerTools } from '../../src/rack/power/create-power.ts'
import { HandPower, magicPacket, sendMagicPackets } from '../../src/rack/power/hands.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder } from '../helpers/folder.ts'
import { failureOf, fastWaits, powerOf } from './machine.ts'

/** A promise, and what fulfils it. */
function makeGate(): { promise: Promise<void>; resolve: () => void } {
  const gate = new EventEmitter()
  return { promise: once(gate, 'open').then(() => undefined), resolve: () => void gate.emit('open') }
}

const never = new AbortController().signal

/** A machine whose state is a file, with other commands. */
function openCommands(folder: string, commands: Record<string, unknown> = {}, more: Record<string, unknown> = {}) {
  const state = {
    on: 'echo on >state',
    off: ['sh', '-c', 'echo off >state'],
    status: 'cat state 2>/dev/null || echo off',
  }
  const secrets = { folder, env: { PATH: process.env['PATH'], BMC_PASSWORD: 'Hush-Hush-4711' } }
  return powerOf({ power: { commands: { ...state, ...commands }, ...more } }, '', { secrets })
}

/** A machine that only hands switch. */
function openHands(power: unknown) {
  const told: string[] = []
  const seen = makeGate()
  const confirmed = makeGate()
  const hands: PowerTools['hands'] = {
    tell: (words) => void told.push(words),
    seenOn: () => seen.promise,
    confirmedOff: () => confirmed.promise,
  }
  return { ...powerOf({ power }, '', { hands }), told, seen, confirmed }
}

describe('commands', () => {
  test('switch a machine, in the folder of the rack file, as lists and as lines for sh', async () => {
    using folder = makeFolder()
    const { power } = openCommands(folder.path, {
      boot: 'echo "$MACHINE boots" >boot',
      clearBoot: ['rm', 'boot'],
      reset: 'echo again >reset',
      softOff: 'echo off >state',
    })
    const read = (name: string) => readFileSync(join(folder.path, name), 'utf8')
    expect(await power.status(never)).toBe('off')
    await power.on(never)
    expect(read('state')).toBe('on\n')
    await power.bootFromNetworkOnce(never)
    expect(read('boot')).toBe('r1 boots\n')
    await power.clearBoot(never)
    expect(existsSync(join(folder.path, 'boot'))).toBe(false)
    await power.reset?.(never)
    expect(read('reset')).toBe('again\n')
    await power.off(never)
    expect(await power.status(never)).toBe('off')
    await power.on(never)
    await power.softOff?.(never)
    expect(await power.status(never)).toBe('off')
  })

  test('without these commands a machine cannot be reset or shut down', () => {
    using folder = makeFolder()
    const { power } = openCommands(folder.path, { on: 'true', off: 'true' })
    expect(power).toHaveProperty('softOff', undefined)
    expect(power).toHaveProperty('reset', undefined)
  })

  test.each([
    [{ status: 'exit 1' }, 'the command "status" of "r1" ended with exit code 1'],
    [{ status: 'echo maybe' }, 'the command "status" of "r1" printed "maybe", not on or off'],
    [{ status: 'echo on; echo off' }, 'printed "on off", not on or off'],
    [{ status: 'echo off; exit 3' }, 'the command "status" of "r1" ended with exit code 3'],
    [
      { status: 'echo on', off: 'echo "no relay" >&2; exit 7' },
      'the command "off" of "r1" ended with exit code 7: no relay',
    ],
    [{ status: ['/nowhere/plug'] }, 'the command "status" of "r1" cannot be started: "/nowhere/plug" is not a program'],
    [{ status: ['/'] }, 'the command "status" of "r1" cannot be started: permission denied'],
    [{ status: 'kill -9 $$' }, 'the command "status" of "r1" was killed'],
    [{ status: 'echo on', off: 'true' }, 'the command "status" of "r1" still says that the machine is on, 90 s after'],
  ])('%j is never off', async (commands, words) => {
    using folder = makeFolder()
    await expect(openCommands(folder.path, commands).power.off(never)).rejects.toThrow(words)
  })

  test('a command that hangs is killed with its children, in time or by the signal', async () => {
    using folder = makeFolder()
    const hang = { status: 'sleep 600 & echo $! >child; wait' }
    const isAlive = () => {
      try {
        return process.kill(Number(readFileSync(join(folder.path, 'child'), 'utf8')), 0)
      } catch {
        return false
      }
    }
    const late = openCommands(folder.path, hang, { timeout: 1 }).power
    await expect(late.status(never)).rejects.toThrow('did not end within 1 s, and was killed')
    await expect.poll(isAlive).toBe(false)
    const controller = new AbortController()
    const going = failureOf(openCommands(folder.path, hang).power.status(controller.signal))
    await expect.poll(isAlive).toBe(true)
    const reason = new Error('enough')
    controller.abort(reason)
    expect((await going).error).toBe(reason)
    await expect.poll(isAlive).toBe(false)
  })

  test('secrets come in variables of their own and are hidden in errors; the environment of the rack does not', async () => {
    using folder = makeFolder()
    const run = async (status: string) => {
      const { power } = openCommands(folder.path, { status }, { env: { PASSWORD: { env: 'BMC_PASSWORD' } } })
      return (await failureOf(power.status(never))).text
    }
    const text = await run('echo "$PASSWORD/$BMC_PASSWORD" >seen; echo "denied: $PASSWORD" >&2; exit 1')
    expect(readFileSync(join(folder.path, 'seen'), 'utf8')).toBe('Hush-Hush-4711/\n')
    expect(text).toContain('denied: ***')
    // As a plug that answers with the request's own URL.
    const printed = await run('echo "unknown: $PASSWORD"')
    expect(printed).toContain('printed "unknown: ***", not on or off')
    // A line that is cut in the middle of the secret.
    const cut = await run(`printf '%0195d%s' 0 "$PASSWORD" >&2; exit 1`)
    expect(cut).toContain('0000***')
    for (const one of [text, printed, cut]) expect(one).not.toMatch(/hush/i)
  })
})

describe('hands', () => {
  test('a person is told what to do, and believed', async () => {
    const { power, told, seen, confirmed } = openHands('by-hand')
    expect(await power.status(never)).toBe('unknown')
    let isDone = false
    const on = power.on(never).then(() => (isDone = true))
    await expect.poll(() => told).toEqual(['switch r1 on now'])
    expect(isDone).toBe(false)
    seen.resolve()
    await on
    const off = power.off(never)
    await expect.poll(() => told.at(-1)).toBe('switch r1 off now, and confirm it')
    confirmed.resolve()
    await off
    expect(await power.status(never)).toBe('unknown')
  })

  test('magic packets are sent until the machine is seen', async () => {
    const packet = magicPacket('52:54:00:aa:00:01')
    expect(packet.toString('hex')).toBe('f'.repeat(12) + '525400aa0001'.repeat(16))
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    let count = 0
    socket.on('message', (bytes) => {
      expect(bytes).toEqual(packet)
      count++
    })
    const seen = makeGate()
    const waker = {
      macs: ['52:54:00:aa:00:01'],
      broadcast: '127.0.0.1',
      from: '127.0.0.1',
      port: socket.address().port,
    }
    const hands = { tell() {}, seenOn: () => seen.promise, confirmedOff: () => seen.promise }
    const on = new HandPower({ machine: 'r1', hands, clock: fastWaits, waker }).on(never)
    await expect.poll(() => count).toBeGreaterThan(2)
    seen.resolve()
    await on
    socket.close()
  })

  test('an address that is not of this computer', async () => {
    const waker = { macs: ['52:54:00:aa:00:01'], broadcast: '255.255.255.255', from: '192.0.2.7' }
    await expect(sendMagicPackets(waker)).rejects.toThrow(
      'no magic packet can be sent from "192.0.2.7" to "255.255.255.255": address not available',
    )
  })
})

// etherwake's own reader of magic packets is not in Debian; the kernel's broadcast is tried with a second socket.
test('a packet to the broadcast address of loopback arrives', needs('ip'), async () => {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  socket.bind(0, '0.0.0.0')
  await once(socket, 'listening')
  const heard = once(socket, 'message')
  const waker = { macs: ['52:54:00:aa:00:01'], broadcast: '127.255.255.255', from: '127.0.0.1' }
  await sendMagicPackets({ ...waker, port: socket.address().port })
  expect((await heard)[0]).toEqual(magicPacket('52:54:00:aa:00:01'))
  socket.close()
})
