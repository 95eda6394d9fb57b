// The rack's driver, with servers that outlast it.
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { findStatePlace, RackState } from '../../../src/rack/machines/rack-state.ts'
import { Chassis } from '../../../src/lab/cloud/life/chassis.ts'
import type { BootClient } from '../../../src/rack/netboot/boot-client.ts'
import { createFastClock } from '../../helpers/clock.ts'
import { makeFolder } from '../../helpers/folder.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { type Owner, Servers } from './servers.ts'

const [mac1] = ['52:54:00:aa:00:01']
const pxe: BootClient = { stage: 'pxe', name: 'UEFI x86_64', isUefi: true }

function makeServers() {
  const folder = makeFolder()
  const file = folder.write('rack.yaml', 'x')
  return {
    folder,
    file,
    servers: new Servers(join(folder.path, 'state'), file),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

describe('a machine that is off', () => {
  test('has its console before its power, boots for its device once, and is free once it is off', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    const steps: string[] = []
    const machine = await rack.powerOn('d1', 'r1', {}, { onStep: (text) => void steps.push(text) })
    expect(servers.log).toEqual(['r1 console open', 'r1 boots from the network', 'r1 on'])
    expect(rack.armed.get(mac1)).toBe('http://127.0.0.1:1/boot/d1/auto.ipxe')
    rack.see({ kind: 'discover', mac: mac1, client: pxe })
    rack.driver.boots.fetched('http://127.0.0.1:1/boot/d1/auto.ipxe')
    expect(steps).toEqual([
      'r1: off',
      'r1: set to boot from the network once',
      'r1: switched on',
      'r1: DHCP request from PXE on UEFI x86_64',
      'r1: has its script',
    ])
    rack.driver.boots.ran('http://127.0.0.1:1/boot/d1/auto.ipxe')
    expect(rack.armed.size).toBe(0)
    servers.log.length = 0
    await machine[Symbol.asyncDispose]()
    expect(await machine.off).toEqual({ reason: 'switched-off' })
    expect(rack.driver.views()[0]).toMatchObject({ name: 'r1', holder: 'd1' })
    await rack.driver.discard?.('d1')
    expect(servers.log).toEqual(['r1 off', 'r1 console closed', 'r1 boots as before'])
    expect(rack.driver.views()[0]).toEqual({ name: 'r1', plan: 'small', holder: undefined, why: undefined })
  })

  test('boots each time from the network, or from its disk, as its device has it', async () => {
    using own = makeServers()
    await using rack = await own.servers.start()
    const script = 'http://127.0.0.1:1/boot/d1/auto.ipxe'
    const always = await rack.powerOn('d1', 'r1', { boot: 'network' })
    rack.driver.boots.ran(script)
    expect(rack.armed.get(mac1)).toBe(script)
    await always[Symbol.asyncDispose]()
    expect(rack.armed.size).toBe(0)
    await rack.powerOn('d1', 'r1', { boot: 'disk' })
    expect(rack.armed.size).toBe(0)
    expect(own.servers.log.slice(-2)).toEqual(['r1 boots as before', 'r1 on'])
  })

  test('is reset for a reboot, and boots as its device then has it', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    const machine = await rack.powerOn('d1', 'r1', { boot: 'network' })
    rack.armed.clear()
    servers.log.length = 0
    const steps: string[] = []
    await machine.reset?.(rack.spec('d1', 'r1', { boot: 'network' }), { onStep: (text) => void steps.push(text) })
    expect(servers.log).toEqual(['r1 boots from the network', 'r1 reset'])
    expect(steps).toEqual(['r1: set to boot from the network once', 'r1: reset'])
    expect(rack.armed.size).toBe(1)
    await machine.reset?.(rack.spec('d1', 'r1', { boot: 'disk' }))
    expect(servers.log.slice(2)).toEqual(['r1 boots as before', 'r1 reset'])
    expect(rack.armed.size).toBe(0)
    // A reset is of no use to a machine that has gone off, and says nothing about one whose BMC is silent.
    servers.r1.isOn = false
    await expect(machine.reset?.(rack.spec('d1', 'r1'))).rejects.toThrow('the machine "r1" is off')
    servers.r1.isSilent = true
    await expect(machine.reset?.(rack.spec('d1', 'r1'))).rejects.toThrow('does not answer')
  })

  test('that is off for a while when it is reset has not gone off', async () => {
    using own = makeServers()
    const { servers } = own
    const clock = createFastClock(100)
    await using rack = await servers.start([], clock)
    const machine = await rack.powerOn('d1', 'r1')
    const { power } = servers.r1
    await machine.reset?.(rack.spec('d1', 'r1'))
    const resetMs = clock.monotonicMs()
    let looksAfter = 0
    vi.spyOn(power, 'status').mockImplementation(async () => {
      if (clock.monotonicMs() < resetMs + 20_000) return 'off'
      looksAfter++
      return 'on'
    })
    let isOff = false
    void machine.off.then(() => (isOff = true))
    await waitUntil(
      () => looksAfter,
      (count) => count > 1,
    )
    expect(isOff).toBe(false)
    vi.spyOn(power, 'status').mockResolvedValue('off')
    expect(await machine.off).toEqual({ reason: 'poweroff' })
  })

  test.each([
    [true, ['r1 asked to shut down', 'r1 off', 'r1 console closed']],
    [false, ['r1 asked to shut down', 'r1 off', 'r1 console closed']],
  ])('may shut down before its power is cut, if the file allows it time: it does so %s', async (isPolite, log) => {
    using own = makeServers()
    const { servers } = own
    const [r1] = servers.file.machines
    if (r1 === undefined) throw new Error('no r1')
    r1.shutdown = 20
    await using rack = await servers.start()
    const machine = await rack.powerOn('d1', 'r1')
    servers.log.length = 0
    servers.r1.isPolite = isPolite
    const wasOn: boolean[] = []
    const off = servers.r1.power.off.bind(servers.r1.power)
    vi.spyOn(servers.r1.power, 'off').mockImplementation(async (signal) => {
      wasOn.push(servers.r1.isOn)
      await off(signal)
    })
    await machine[Symbol.asyncDispose]()
    expect(servers.log).toEqual(log)
    expect([wasOn, servers.r1.isOn]).toEqual([[!isPolite], false])
  })

  test('that asks for network boot while its device boots the disk gets a script only if the file says so', async () => {
    using own = makeServers()
    const { servers } = own
    const script = 'http://127.0.0.1:1/boot/d1/auto.ipxe'
    const [r1] = servers.file.machines
    if (r1 === undefined) throw new Error('no r1')
    r1.diskBoot = 'sanboot'
    {
      await using rack = await servers.start()
      const machine = await rack.powerOn('d1', 'r1')
      rack.driver.boots.ran(script)
      expect([...rack.armed.values()]).toEqual([script])
      await machine.reset?.(rack.spec('d1', 'r1', { boot: 'disk' }))
      expect([...rack.armed.values()]).toEqual([script])
      await machine.detach?.()
      expect(rack.armed.size).toBe(0)
    }
    await using rack = await servers.start(['d1'])
    const machine = await rack.driver.reattach?.(rack.spec('d1', 'r1', { boot: 'disk' }))
    expect([...rack.armed.values()]).toEqual([script])
    await machine?.[Symbol.asyncDispose]()
    expect(rack.armed.size).toBe(0)
  })

  test('says how far it came', async () => {
    using own = makeServers()
    await using rack = await own.servers.start()
    const machine = await rack.powerOn('d1', 'r1')
    expect(machine.explainStop?.()).toMatch(/^r1: the machine was switched on, but it sent no DHCP request; usually /)
    rack.see({ kind: 'discover', mac: mac1, client: pxe })
    expect(machine.explainStop?.()).toMatch(/^r1: the firmware asked for network boot, but /)
    rack.driver.boots.fetched('http://127.0.0.1:1/boot/d1/auto.ipxe')
    expect(machine.explainStop?.()).toMatch(/^r1 has its script, but did not report that it runs; usually /)
  })

  test('that has been switched on since by somebody else is not touched', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    servers.r1.isOn = true
    await expect(rack.powerOn('d1', 'r1')).rejects.toThrow(
      '"r1" is on, and was off before: somebody has switched it on',
    )
    expect(servers.log).toEqual([])
    expect(rack.driver.whyUnusable('r1')).toContain('metalkit rack release r1')
    expect(await rack.driver.reattach?.(rack.spec('d1', 'r1'))).toBeUndefined()
    await rack.driver.discard?.('d1')
    expect(servers.r1.isOn).toBe(true)
  })

  test('is one device’s at a time', async () => {
    using own = makeServers()
    await using rack = await own.servers.start()
    await rack.powerOn('d1', 'r1')
    await expect(rack.powerOn('d2', 'r1')).rejects.toThrow('the device d1 has the machine "r1"')
    await expect(rack.driver.release('r1')).rejects.toThrow('the device d1 has the machine "r1"')
  })

  test('is one device’s, also if two ask for it at the same moment', async () => {
    using own = makeServers()
    await using rack = await own.servers.start()
    const both = await Promise.allSettled([rack.powerOn('d1', 'r1'), rack.powerOn('d2', 'r1')])
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(own.servers.log.filter((line) => line === 'r1 on')).toHaveLength(1)
    expect(rack.driver.views()[0]).toMatchObject({ holder: 'd1' })
  })

  test('when it is released may not be switched off later, when somebody has switched it on', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    await rack.driver.release('r1')
    servers.r1.isOn = true
    await expect(rack.powerOn('d1', 'r1')).rejects.toThrow('somebody has switched it on')
    expect(servers.log).toEqual([])
  })

  test('that does not switch on has no console and no boot, but is still its device’s', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    vi.spyOn(servers.r1.power, 'on').mockRejectedValueOnce(new Error('a fuse'))
    await expect(rack.powerOn('d1', 'r1')).rejects.toThrow('a fuse')
    expect(servers.log).toEqual(['r1 console open', 'r1 boots from the network', 'r1 console closed'])
    expect(rack.armed.size).toBe(0)
    expect(rack.driver.views()[0]).toMatchObject({ name: 'r1', holder: 'd1' })
  })

  test('is not touched, and is nobody’s, if what is done to it cannot be kept', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    const { path } = await findStatePlace(servers.folder, own.file)
    mkdirSync(path)
    await expect(rack.powerOn('d1', 'r1')).rejects.toThrow('cannot save the state of the rack')
    expect(servers.log).toEqual([])
    expect(rack.driver.views()[0]).toMatchObject({ name: 'r1', holder: undefined })
    rmdirSync(path)
    await rack.powerOn('d2', 'r1')
  })
})

describe('a machine that is on when it is first met', () => {
  test('is refused until it is released, also after a restart and once it is off', async () => {
    using own = makeServers()
    const { servers } = own
    servers.r1.isOn = true
    {
      await using rack = await servers.start()
      expect(rack.driver.whyUnusable('r1')).toContain('it is on, and no device of this rack has it')
      expect(rack.driver.whyUnusable('r2')).toBeUndefined()
      expect(rack.lines.join('\n')).toContain('rack: r1 cannot be used: it is on')
    }
    servers.r1.isOn = false
    await using rack = await servers.start()
    expect(rack.driver.whyUnusable('r1')).toContain('it is on')
    servers.r1.isOn = true
    await rack.driver.release('r1')
    expect(rack.driver.whyUnusable('r1')).toBeUndefined()
    await rack.powerOn('d1', 'r1')
    expect(servers.log.slice(0, 2)).toEqual(['r1 off', 'r1 console open'])
  })

  test('is released for one device', async () => {
    using own = makeServers()
    const { servers } = own
    servers.r1.isOn = true
    await using rack = await servers.start()
    await rack.driver.release('r1')
    vi.spyOn(servers.r1.power, 'off').mockRejectedValueOnce(new Error('a fuse'))
    await expect(rack.powerOn('d1', 'r1')).rejects.toThrow('a fuse')
    const machine = await rack.driver.reattach?.(rack.spec('d1', 'r1'))
    await machine?.[Symbol.asyncDispose]()
    await rack.driver.discard?.('d1')
    expect(rack.driver.whyUnusable('r1')).toBeUndefined()
    servers.r1.isOn = true
    await expect(rack.powerOn('d2', 'r1')).rejects.toThrow('somebody has switched it on')
    expect(servers.r1.isOn).toBe(true)
  })

  test('stays on, and released, if its device ends before it has touched it', async () => {
    using own = makeServers()
    const { servers } = own
    servers.r1.isOn = true
    await using rack = await servers.start()
    await rack.driver.release('r1')
    expect(await rack.driver.reattach?.(rack.spec('d1', 'r1'))).toBeUndefined()
    await rack.driver.discard?.('d1')
    expect(servers.log).toEqual([])
    expect(rack.driver.whyUnusable('r1')).toBeUndefined()
  })
})

describe('a BMC that does not answer', () => {
  test('sets its machine aside until it does', async () => {
    using own = makeServers()
    const { servers } = own
    servers.r1.isSilent = true
    await using rack = await servers.start()
    expect(rack.driver.whyUnusable('r1')).toBe('the BMC of "r1" does not answer')
    servers.r1.isSilent = false
    await expect.poll(() => rack.driver.whyUnusable('r1')).toBeUndefined()
    servers.r1.isSilent = true
    await expect(rack.powerOn('d1', 'r1')).rejects.toThrow('does not answer')
    expect(rack.driver.whyUnusable('r1')).toBe('the BMC of "r1" does not answer')
    servers.r1.isSilent = false
    await expect.poll(() => rack.driver.whyUnusable('r1')).toBeUndefined()
  })

  test('and that answers late says nothing of a machine that a device has by then', async () => {
    using own = makeServers()
    const { servers } = own
    const answer = new AbortController()
    const late = once(answer.signal, 'abort').then(() => 'on' as const)
    const silence = new Error('silent')
    const looks = vi.spyOn(servers.r1.power, 'status').mockRejectedValueOnce(silence).mockReturnValueOnce(late)
    await using rack = await servers.start()
    await expect.poll(() => looks.mock.calls.length).toBe(2)
    const machine = await rack.powerOn('d1', 'r1')
    answer.abort()
    await machine[Symbol.asyncDispose]()
    await rack.driver.discard?.('d1')
    expect(rack.driver.whyUnusable('r1')).toBeUndefined()
  })

  test('does not hold up the release of its machine', async () => {
    using own = makeServers()
    const { servers } = own
    servers.r1.isOn = true
    await using rack = await servers.start()
    let answer: ((state: 'on') => void) | undefined
    vi.spyOn(servers.r1.power, 'status').mockReturnValueOnce(new Promise((resolve) => (answer = resolve)))
    await rack.driver.release('r1')
    answer?.('on')
    await expect.poll(() => rack.driver.whyUnusable('r1')).toBeUndefined()
  })

  test('keeps its machine from being free, and from being called off', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    const machine = await rack.powerOn('d1', 'r1')
    servers.r1.isSilent = true
    await expect(machine[Symbol.asyncDispose]()).rejects.toThrow('does not answer')
    await expect(rack.driver.discard?.('d1')).rejects.toThrow('does not answer')
    await expect(rack.powerOn('d1', 'r1')).rejects.toThrow('does not answer')
    expect(rack.driver.views()[0]).toMatchObject({ holder: 'd1', why: undefined })
    await expect(rack.driver.reattach?.(rack.spec('d1', 'r1'))).rejects.toThrow('does not answer')
    servers.r1.isSilent = false
    await expect(rack.driver.discard?.('d1')).rejects.toThrow('the machine "r1" is on, so it is not free')
    await machine[Symbol.asyncDispose]()
    await rack.driver.discard?.('d1')
    expect(servers.r1.isOn).toBe(false)
  })
})

describe('a BMC that does not say whether its machine is on', () => {
  test('keeps it from being used before it is released; it is then switched off first', async () => {
    using own = makeServers()
    const { servers } = own
    const status = vi.spyOn(servers.r1.power, 'status').mockResolvedValue('unknown')
    await using rack = await servers.start()
    expect(rack.driver.whyUnusable('r1')).toBe('its BMC does not say whether it is on')
    await expect(rack.powerOn('d1', 'r1')).rejects.toThrow('nobody can tell whether the machine "r1" is off')
    expect([servers.log, rack.driver.views()[0]?.holder]).toEqual([[], undefined])
    await rack.driver.release('r1')
    const steps: string[] = []
    await rack.powerOn('d1', 'r1', {}, { onStep: (text) => void steps.push(text) })
    expect(steps.slice(0, 2)).toEqual(['r1: perhaps on, so it is switched off first', 'r1: off'])
    expect(servers.log.slice(0, 2)).toEqual(['r1 off', 'r1 console open'])
    status.mockRestore()
  })

  test('keeps it from being free, and from being found off', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    const machine = await rack.powerOn('d1', 'r1')
    await machine[Symbol.asyncDispose]()
    vi.spyOn(servers.r1.power, 'status').mockResolvedValue('unknown')
    await expect(rack.driver.discard?.('d1')).rejects.toThrow('the machine "r1" is perhaps on, so it is not free')
    await expect(rack.driver.reattach?.(rack.spec('d1', 'r1'))).rejects.toThrow(
      'nobody can tell whether the machine "r1" is on',
    )
    expect(rack.driver.views()[0]).toMatchObject({ holder: 'd1' })
  })
})

describe('a machine that runs', () => {
  test('outlasts its rack, which finds it again', async () => {
    using own = makeServers()
    const { servers } = own
    {
      await using rack = await servers.start()
      const machine = await rack.powerOn('d1', 'r1', { boot: 'network' })
      await machine.detach?.()
      expect(rack.armed.size).toBe(0)
    }
    servers.log.length = 0
    await using rack = await servers.start(['d1'])
    expect(rack.driver.whyUnusable('r1')).toBeUndefined()
    const machine = await rack.driver.reattach?.(rack.spec('d1', 'r1', { boot: 'network' }))
    expect(servers.log).toEqual(['r1 console open'])
    expect(rack.armed.size).toBe(1)
    await machine?.detach?.()
    const again = await rack.driver.reattach?.(rack.spec('d1', 'r1'))
    expect(rack.armed.size).toBe(0)
    await again?.[Symbol.asyncDispose]()
    expect(await rack.driver.reattach?.(rack.spec('d1', 'r1'))).toBeUndefined()
  })

  test('of a device that this cloud does not know is kept from others until it is released', async () => {
    using own = makeServers()
    {
      await using rack = await own.servers.start()
      const machine = await rack.powerOn('d1', 'r1')
      await machine.detach?.()
    }
    await using rack = await own.servers.start(['d2'])
    expect(rack.driver.whyUnusable('r1')).toContain('a device of another cloud has it (d1)')
    await expect(rack.powerOn('d2', 'r1')).rejects.toThrow('the device d1 has the machine "r1"')
    await rack.driver.release('r1')
    await rack.powerOn('d2', 'r1')
    expect(own.servers.log.slice(-4)).toEqual(['r1 off', 'r1 console open', 'r1 boots from the network', 'r1 on'])
  })

  test('although its BMC has called it off is switched off before it is free', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    const chassis = new Chassis({
      driver: rack.driver,
      patience: { retryMs: 1, onTrouble: () => {} },
      spec: () => rack.spec('d1', 'r1'),
      hooks: () => ({ onLoss: () => {}, onRestart: () => {} }),
    })
    const { signal } = new AbortController()
    await chassis.plugIn(signal)
    const off = vi.spyOn(servers.r1.power, 'off').mockResolvedValueOnce()
    await chassis.clear(signal)
    expect([off.mock.calls.length, servers.r1.isOn, rack.driver.views()[0]?.holder]).toEqual([2, false, undefined])
  })

  test('has no ports to forward, and its rack says so', async () => {
    using own = makeServers()
    await using rack = await own.servers.start()
    const chassis = new Chassis({
      driver: rack.driver,
      patience: { retryMs: 1, onTrouble: () => {} },
      spec: () => rack.spec('d1', 'r1'),
      hooks: () => ({ onLoss: () => {}, onRestart: () => {} }),
    })
    await chassis.plugIn(new AbortController().signal)
    await expect(chassis.forward(22, 0)).rejects.toThrow('a rack forwards no ports')
  })

  test('goes off when it is seen to be off, and not while its BMC is silent', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    const machine = await rack.powerOn('d1', 'r1')
    const looks = vi.spyOn(servers.r1.power, 'status')
    servers.r1.isSilent = true
    await expect.poll(() => looks.mock.calls.length).toBeGreaterThan(2)
    servers.r1.isSilent = false
    servers.r1.isOn = false
    expect(await machine.off).toEqual({ reason: 'poweroff' })
    expect(servers.log.at(-1)).toBe('r1 console closed')
  })

  test('and is off for one look only, as in a restart, goes on', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    await rack.powerOn('d1', 'r1')
    const looks = vi.spyOn(servers.r1.power, 'status').mockResolvedValueOnce('off')
    await expect.poll(() => looks.mock.calls.length).toBeGreaterThan(3)
    expect(servers.log).not.toContain('r1 console closed')
  })

  test('that is no longer in the file, or is in use there, is not touched', async () => {
    using own = makeServers()
    await using rack = await own.servers.start()
    await expect(rack.powerOn('d1', 'gone')).rejects.toThrow('the machine "gone" is not in the rack file')
    await expect(rack.powerOn('d1', 'busy')).rejects.toThrow('inUse: true')
    await expect(rack.driver.release('busy')).rejects.toThrow('inUse: true')
    expect(rack.driver.whyUnusable('busy')).toBe('it is in use (inUse: true in the rack file)')
  })
})

test('a person at a machine is told what to do, and says when it is done', async () => {
  using own = makeServers()
  await using rack = await own.servers.start()
  expect(rack.driver.whyUnusable('hand')).toContain('nobody has said yet that it is off')
  await rack.driver.release('hand')
  expect(rack.driver.whyUnusable('hand')).toBeUndefined()
  const going = rack.powerOn('d1', 'hand')
  await expect.poll(() => rack.lines.at(-1)).toBe('rack: switch hand on now')
  rack.see({ kind: 'discover', mac: '52:54:00:aa:00:04', client: pxe })
  const machine = await going
  const ending = machine[Symbol.asyncDispose]()
  await expect
    .poll(() => rack.lines.at(-1))
    .toBe('rack: switch hand off now, and confirm it: metalkit rack release hand')
  await rack.driver.release('hand')
  await ending
  await rack.driver.discard?.('d1')
  expect(rack.driver.whyUnusable('hand')).toBeUndefined()
})

const handMac = '52:54:00:aa:00:04'

describe('a machine that only a person switches', () => {
  test('is perhaps on once the person was asked to switch it on, whatever came between', async () => {
    using own = makeServers()
    {
      await using rack = await own.servers.start()
      await rack.driver.release('hand')
      const over = new AbortController()
      const going = rack.powerOn('d1', 'hand', {}, { signal: over.signal })
      await expect.poll(() => rack.lines.at(-1)).toBe('rack: switch hand on now')
      over.abort(new Error('its device is deleted'))
      await expect(going).rejects.toThrow('its device is deleted')
      await expect(rack.driver.discard?.('d1')).rejects.toThrow('the machine "hand" is perhaps on, so it is not free')
    }
    // Also after a restart.
    await using rack = await own.servers.start(['d1'])
    const machine = await rack.driver.reattach?.(rack.spec('d1', 'hand'))
    const ending = machine?.[Symbol.asyncDispose]()
    await expect.poll(() => rack.lines.at(-1)).toContain('switch hand off now, and confirm it')
    await rack.driver.release('hand')
    await ending
    await rack.driver.discard?.('d1')
    expect(rack.driver.whyUnusable('hand')).toBeUndefined()
  })

  test('is not called off while its device runs and nobody was asked to switch it off', async () => {
    using own = makeServers()
    await using rack = await own.servers.start()
    await rack.driver.release('hand')
    const going = rack.powerOn('d1', 'hand')
    await expect.poll(() => rack.lines.at(-1)).toBe('rack: switch hand on now')
    rack.see({ kind: 'discover', mac: handMac, client: pxe })
    await going
    await expect(rack.driver.release('hand')).rejects.toThrow('the device d1 has the machine "hand"')
    await expect(rack.driver.discard?.('d1')).rejects.toThrow('the machine "hand" is on, so it is not free')
  })

  test('is not off because a person said so before it had a BMC', async () => {
    using own = makeServers()
    const hand = own.servers.file.machines.find(({ name }) => name === 'hand')
    const { power } = hand ?? {}
    const withPower = async (kind: typeof power) => {
      if (hand !== undefined) hand.power = kind
      await using rack = await own.servers.start()
      return rack.driver.whyUnusable('hand')
    }
    {
      await using rack = await own.servers.start()
      await rack.driver.release('hand')
    }
    expect(await withPower(power)).toBeUndefined()
    await withPower(own.servers.file.machines[0]?.power)
    expect(await withPower(power)).toContain('nobody has said yet that it is off')
  })
})

describe('the state of a rack', () => {
  test('is for one rack at a time, by whatever path it names the file', async () => {
    using own = makeServers()
    const link = join(own.folder.path, 'link.yaml')
    symlinkSync(own.file, link)
    {
      await using _rack = await own.servers.start()
      await expect(RackState.open(own.servers.folder, link)).rejects.toThrow(
        new RegExp(`a rack with the file ".*rack.yaml" is already running, as process ${process.pid}`),
      )
    }
    await using _again = await RackState.open(own.servers.folder, link)
  })

  test('is written once for all changes that wait for a write', async () => {
    using own = makeServers()
    await using state = await RackState.open(own.servers.folder, own.file)
    const { path } = await findStatePlace(own.servers.folder, own.file)
    let finished = 0
    const changes = Array.from({ length: 50 }, async (_, index) => {
      await state.change(`m${index}`, { holder: `d${index}` })
      finished++
    })
    await Promise.race(changes)
    // Before another write can have ended.
    await new Promise(setImmediate)
    expect(finished).toBe(50)
    expect(Object.keys(JSON.parse(readFileSync(path, 'utf8')).machines)).toHaveLength(50)
  })

  test.each([
    ['{', 'it is not JSON'],
    ['{"version":2}', 'it was written by another version of metalkit'],
  ])('that is damaged (%s) is not overwritten', async (text, why) => {
    using own = makeServers()
    {
      await using rack = await own.servers.start()
      await rack.state.change('r1', { holder: 'd1' })
    }
    const { path } = await findStatePlace(own.servers.folder, own.file)
    writeFileSync(path, text)
    await expect(own.servers.start()).rejects.toThrow(why)
    expect(readFileSync(path, 'utf8')).toBe(text)
  })
})

describe('a machine that others may take, too', () => {
  test('is claimed before anything is done to it, switched off although it is called off, and freed last', async () => {
    using own = makeServers()
    const { servers } = own
    const owner: Owner = { of: undefined }
    servers.r1.share(owner)
    await using rack = await servers.start()
    const machine = await rack.powerOn('d1', 'r1')
    expect(servers.log.slice(0, 3)).toEqual(['r1 claimed for d1', 'r1 off', 'r1 console open'])
    await machine[Symbol.asyncDispose]()
    servers.log.length = 0
    await rack.driver.discard?.('d1')
    expect(servers.log).toEqual(['r1 claimed for d1', 'r1 off', 'r1 boots as before', 'r1 freed of d1'])
    expect(owner.of).toBeUndefined()
  })

  test('and that somebody else has is set aside until it is given back', async () => {
    using own = makeServers()
    const { servers } = own
    const owner: Owner = { of: 'Nova' }
    servers.r1.share(owner)
    await using rack = await servers.start()
    await expect(rack.powerOn('d1', 'r1')).rejects.toThrow('Nova has it')
    expect(servers.log).toEqual([])
    expect(rack.driver.views()[0]).toMatchObject({ holder: undefined, why: 'Nova has it' })
    owner.of = undefined
    await expect.poll(() => rack.driver.whyUnusable('r1'), { timeout: 10_000 }).toBeUndefined()
    await rack.powerOn('d2', 'r1')
    expect(owner.of).toBe('d2')
  })

  test('is claimed again when a rack finds it, unless somebody else has got it', async () => {
    using own = makeServers()
    const { servers } = own
    const owner: Owner = { of: undefined }
    servers.r1.share(owner)
    {
      await using rack = await servers.start()
      const machine = await rack.powerOn('d1', 'r1')
      await machine.detach?.()
    }
    await using rack = await servers.start(['d1'])
    servers.log.length = 0
    owner.of = undefined
    const machine = await rack.driver.reattach?.(rack.spec('d1', 'r1'))
    expect(servers.log).toEqual(['r1 claimed for d1', 'r1 console open'])
    await machine?.detach?.()
    owner.of = 'Nova'
    await expect(rack.driver.reattach?.(rack.spec('d1', 'r1'))).rejects.toThrow('Nova has it')
    expect(servers.r1.isOn).toBe(true)
  })

  test('and that somebody else takes while no device has it is set aside', async () => {
    using own = makeServers()
    const { servers } = own
    const owner: Owner = { of: undefined, isShown: true }
    servers.r1.share(owner)
    await using rack = await servers.start()
    const why = () => rack.driver.whyUnusable('r1')
    expect(why()).toBeUndefined()
    owner.of = 'Nova'
    await expect.poll(why, { timeout: 10_000 }).toBe('Nova has it')
    owner.of = undefined
    await expect.poll(why, { timeout: 10_000 }).toBeUndefined()
  })

  test('and that somebody else takes after its device has ended is set aside', async () => {
    using own = makeServers()
    const { servers } = own
    const owner: Owner = { of: undefined, isShown: true }
    servers.r1.share(owner)
    {
      await using rack = await servers.start()
      const machine = await rack.powerOn('d1', 'r1')
      await machine.detach?.()
    }
    await using rack = await servers.start(['d1'])
    const machine = await rack.driver.reattach?.(rack.spec('d1', 'r1'))
    await machine?.[Symbol.asyncDispose]()
    await rack.driver.discard?.('d1')
    expect(rack.driver.whyUnusable('r1')).toBeUndefined()
    owner.of = 'Nova'
    await expect.poll(() => rack.driver.whyUnusable('r1'), { timeout: 10_000 }).toBe('Nova has it')
  })

  test('whose device ends after somebody else has got it is left alone', async () => {
    using own = makeServers()
    const { servers } = own
    const owner: Owner = { of: undefined }
    servers.r1.share(owner)
    await using rack = await servers.start()
    const machine = await rack.powerOn('d1', 'r1')
    await machine[Symbol.asyncDispose]()
    // The server ended between the two halves of giving it back.
    owner.of = 'Nova'
    servers.r1.isOn = true
    servers.log.length = 0
    await rack.driver.discard?.('d1')
    expect(servers.log).toEqual([])
    expect(rack.driver.views()[0]).toMatchObject({ holder: undefined, why: 'Nova has it' })
  })
})

describe('a machine whose BMC is another one since its device has it', () => {
  const [own, other] = [
    { uuids: ['11111111-0000-0000-0000-000000000001'], macs: [] },
    { uuids: ['22222222-0000-0000-0000-000000000002'], macs: [] },
  ]
  const other1 = `the BMC of "r1" belongs to another machine: it shows the UUID ${other.uuids[0]}, and showed ${own.uuids[0]} before`

  /** A machine that a device has, until its BMC is another one, long after it was last asked. */
  async function swap(servers: Servers) {
    servers.r1.identity = own
    const clock = createFastClock(100)
    const rack = await servers.start([], clock)
    const machine = await rack.powerOn('d1', 'r1')
    servers.log.length = 0
    servers.r1.identity = other
    await clock.sleep(11_000)
    return { rack, machine }
  }

  test('is neither switched nor called off by it, and is set aside with the reason until its BMC is back', async () => {
    using parts = makeServers()
    const { servers } = parts
    const { rack, machine } = await swap(servers)
    await using _ = rack
    for (const action of [
      () => machine[Symbol.asyncDispose](),
      () => machine.reset?.(rack.spec('d1', 'r1')) ?? Promise.resolve(),
      () => rack.driver.discard?.('d1') ?? Promise.resolve(),
    ]) {
      await expect(action()).rejects.toThrow(other1)
    }
    expect([servers.log, servers.r1.isOn]).toEqual([[], true])
    // The other machine is off, which says nothing about this one.
    servers.r1.isOn = false
    let isOff = false
    void machine.off.then(() => (isOff = true))
    await expect(rack.driver.discard?.('d1')).rejects.toThrow(other1)
    expect(rack.driver.views()[0]).toMatchObject({ holder: 'd1', why: expect.stringContaining(other1) })
    expect(isOff).toBe(false)
    Object.assign(servers.r1, { isOn: true, identity: own })
    await machine[Symbol.asyncDispose]()
    expect(servers.log).toEqual(['r1 off', 'r1 console closed'])
    expect(rack.driver.views()[0]).toMatchObject({ holder: 'd1', why: undefined })
  })

  test('is not touched after a restart either, until the user says that the BMC was replaced', async () => {
    using parts = makeServers()
    const { servers } = parts
    {
      const { rack, machine } = await swap(servers)
      await machine.detach?.()
      await rack[Symbol.asyncDispose]()
    }
    servers.log.length = 0
    await using rack = await servers.start(['d1'])
    await expect(rack.driver.reattach?.(rack.spec('d1', 'r1'))).rejects.toThrow(other1)
    await expect(rack.driver.discard?.('d1')).rejects.toThrow(other1)
    expect([servers.log, rack.driver.whyUnusable('r1')]).toEqual([
      [],
      `${other1}; connect the BMC of "r1" again; if it was replaced, run metalkit rack release r1`,
    ])
    await rack.driver.release('r1')
    expect(rack.driver.views()[0]).toMatchObject({ holder: 'd1', why: undefined })
    const machine = await rack.driver.reattach?.(rack.spec('d1', 'r1'))
    await machine?.[Symbol.asyncDispose]()
    await rack.driver.discard?.('d1')
    expect(servers.r1.isOn).toBe(false)
    expect(rack.state.of('r1')).toMatchObject({ holder: undefined, identity: undefined })
  })
})
