// Wipes: a machine that was given back is not free before it has reported that it is empty, and was seen to be off.
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { createRouter } from '../../../src/lab/web/router.ts'
import { wipeRoutes } from '../../../src/rack/wipe-routes.ts'
import { createFastClock } from '../../helpers/clock.ts'
import { makeFolder } from '../../helpers/folder.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { type Owner, type Start, Servers } from './servers.ts'

const mac = '52:54:00:aa:00:01'
const url = 'http://wipe.example/wipe.ipxe'

/** Servers of which r1 is wiped. */
function makeServers({ script = url, timeoutMs = 7_200_000 } = {}) {
  const folder = makeFolder()
  const servers = new Servers(join(folder.path, 'state'), folder.write('rack.yaml', 'x'))
  for (const machine of servers.file.machines) if (machine.name !== 'r2') machine.wipe = { script, timeoutMs }
  return { folder, servers, [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

/** A device has the machine, and gives it back. */
async function giveBack(rack: Start, id = 'd1', name = 'r1'): Promise<void> {
  const machine = await rack.powerOn(id, name)
  await machine[Symbol.asyncDispose]()
  await rack.driver.discard?.(id)
}

/** A machine's request at the rack's door. */
async function ask(rack: Start, method: string, target: string) {
  const { pathname: path, searchParams: query } = new URL(target)
  const handle = createRouter(wipeRoutes(rack.driver.wipes.book, rack.driver.boots))
  const more = { headers: {}, body: Buffer.alloc(0), peer: '127.0.0.1', isSecure: false }
  return await handle({ method, target: path, path, query, ...more })
}

/** The machine boots, and fetches its script. @returns the address of its report */
async function boot(rack: Start, at = mac): Promise<string> {
  const script = await waitUntil(
    () => rack.armed.get(at),
    (armed) => armed !== undefined,
  )
  const { text = '' } = await ask(rack, 'GET', script ?? '')
  return /^set wipe-report (\S+)$/m.exec(text)?.[1] ?? ''
}

const why = (rack: Start, name = 'r1') => rack.driver.whyUnusable(name)

async function becomesFree(rack: Start, name = 'r1'): Promise<void> {
  await waitUntil(
    () => why(rack, name),
    (words) => words === undefined,
  )
}

/** No device gets the machine. */
async function isHeld(rack: Start): Promise<void> {
  expect(why(rack)).toEqual(expect.any(String))
  await expect(rack.powerOn('d2', 'r1')).rejects.toThrow('has the machine "r1"')
}

async function isSetAside(rack: Start, words: string): Promise<void> {
  await waitUntil(
    () => [why(rack) ?? '', rack.driver.lastSeen('r1')],
    ([text = '', power]) => text.includes(words) && power === 'off',
  )
  expect(why(rack)).toContain('its disks may not be empty: to use it anyway, run metalkit rack release r1')
  await isHeld(rack)
}

describe('a machine that was given back', () => {
  test('boots the script, reports, is switched off, and is free then', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    await giveBack(rack)
    servers.log.length = 0
    expect(rack.driver.views()[0]).toMatchObject({ holder: undefined, wipe: 'due', why: 'it is about to be wiped' })
    await isHeld(rack)
    const script = await waitUntil(
      () => rack.armed.get(mac) ?? '',
      (armed) => armed !== '',
    )
    const { status, text } = await ask(rack, 'GET', script)
    const report = await boot(rack)
    expect([status, text]).toEqual([
      200,
      `#!ipxe\nset wipe-report ${report}\nset wipe-console ttyS1\nchain --autofree ${url}\n`,
    ])
    await waitUntil(
      () => why(rack),
      (words) => words === 'it is being wiped',
    )
    await isHeld(rack)
    expect((await ask(rack, 'POST', `${report}0`)).status).toBe(404)
    expect((await ask(rack, 'GET', report)).status).toBe(405)
    expect(why(rack)).toBe('it is being wiped')
    servers.r1.isSilent = true
    expect((await ask(rack, 'POST', report)).status).toBe(204)
    // An answer may be lost.
    expect((await ask(rack, 'POST', report)).status).toBe(204)
    await isHeld(rack)
    servers.r1.isSilent = false
    await becomesFree(rack)
    expect(servers.log.filter((line) => !line.includes('console'))).toEqual([
      'r1 boots as before',
      'r1 boots from the network',
      'r1 on',
      'r1 off',
      'r1 boots as before',
    ])
    expect([rack.armed.size, servers.r1.isOn]).toEqual([0, false])
    expect((await ask(rack, 'GET', script)).status).toBe(404)
    expect((await ask(rack, 'POST', report)).status).toBe(404)
    // Nothing that is printed or shown has the key.
    expect(rack.lines.join('\n') + JSON.stringify(rack.driver.views())).not.toContain(report.split('/').at(-1))
    await rack.powerOn('d2', 'r1')
  })

  test('is free at once if the file does not ask for a wipe', async () => {
    using own = makeServers()
    await using rack = await own.servers.start()
    await giveBack(rack, 'd1', 'r2')
    expect(why(rack, 'r2')).toBeUndefined()
    expect(own.servers.r2.isOn).toBe(false)
  })

  test('by two deletes is wiped once', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    const machine = await rack.powerOn('d1', 'r1')
    await machine[Symbol.asyncDispose]()
    const changes = vi.spyOn(rack.state, 'change')
    await Promise.all([rack.driver.discard?.('d1'), rack.driver.discard?.('d1')])
    expect(changes.mock.calls.filter(([, { holder }]) => holder !== undefined)).toHaveLength(1)
    const report = await boot(rack)
    await rack.driver.discard?.('d1')
    // Nor does the device find the machine again that is on.
    expect(await rack.driver.reattach?.(rack.spec('d1', 'r1'))).toBeUndefined()
    expect((await ask(rack, 'POST', report)).status).toBe(204)
    await becomesFree(rack)
    expect(servers.log.filter((line) => line === 'r1 on')).toHaveLength(2)
  })

  test('that others can take, too, stays reserved until it is empty', async () => {
    using own = makeServers()
    const owner: Owner = { of: undefined }
    own.servers.r1.share(owner)
    await using rack = await own.servers.start()
    await giveBack(rack)
    const report = await boot(rack)
    expect(owner.of).toBe('d1')
    await ask(rack, 'POST', report)
    await becomesFree(rack)
    expect(owner.of).toBeUndefined()
  })

  test('gets a script of a file with its own console, and waits while that cannot be read', async () => {
    using folder = makeFolder()
    using own = makeServers({ script: join(folder.path, 'wipe.ipxe') })
    const { servers } = own
    for (const machine of servers.file.machines) machine.tty = 'ttyS0'
    await using rack = await servers.start()
    await giveBack(rack)
    await waitUntil(
      () => why(rack) ?? '',
      (words) => words.includes(`the wipe script "${folder.path}/wipe.ipxe" of "r1" cannot be read`),
    )
    expect(servers.r1.isOn).toBe(false)
    await isHeld(rack)
    folder.write('wipe.ipxe', '#!ipxe\nkernel http://wipe.example/kernel report=${wipe-report}\nboot\n')
    const report = await boot(rack)
    const { text = '' } = await ask(rack, 'GET', rack.armed.get(mac) ?? '')
    expect(text.split('\n').slice(2)).toEqual([
      'set wipe-console ttyS0',
      '#!ipxe',
      'kernel http://wipe.example/kernel report=${wipe-report}',
      'boot',
      '',
    ])
    await ask(rack, 'POST', report)
    await becomesFree(rack)
  })
})

describe('a BMC that is silent', () => {
  test('from any request of a wipe on makes it wait, with the reason', { timeout: 120_000 }, async () => {
    using own = makeServers()
    const { servers } = own
    const { r1 } = servers
    await using rack = await servers.start()
    let isWiping = false
    const requests: string[] = []
    let silentAt = Number.POSITIVE_INFINITY
    r1.onRequest = (words) => {
      if (!isWiping) return
      expect(why(rack)).toBeDefined()
      if (requests.push(words) > silentAt) r1.isSilent = true
    }
    const wipe = async (id: string) => {
      isWiping = false
      await giveBack(rack, id)
      requests.length = 0
      isWiping = true
    }
    await wipe('first')
    await ask(rack, 'POST', await boot(rack))
    await becomesFree(rack)
    const total = requests.length
    expect(requests).toEqual(expect.arrayContaining(['on', 'off', 'boots from the network', 'boots as before']))
    for (let at = 0; at < total; at++) {
      silentAt = at
      await wipe(`d${at}`)
      let isReported = false
      const report = async () => {
        if (isReported || !rack.armed.has(mac) || !r1.isOn) return
        isReported = true
        await ask(rack, 'POST', await boot(rack))
      }
      await waitUntil(
        async () => {
          if (!r1.isSilent) await report()
          return why(rack) ?? 'free'
        },
        (words) => words.endsWith('the BMC of "r1" does not answer') || (words === 'free' && !r1.isSilent),
      )
      if (r1.isSilent) await isHeld(rack)
      silentAt = Number.POSITIVE_INFINITY
      r1.isSilent = false
      isReported &&= rack.driver.wipes.stageOf('r1') === 'reported'
      await waitUntil(
        async () => {
          await report()
          return why(rack)
        },
        (words) => words === undefined,
      )
      expect([at, r1.isOn, rack.armed.size]).toEqual([at, false, 0])
    }
  })
})

describe('a wipe that fails', () => {
  test('because it does not report in time sets its machine aside, off, until it is released', async () => {
    using own = makeServers({ timeoutMs: 60_000 })
    const { servers } = own
    await using rack = await servers.start()
    await giveBack(rack)
    const report = await boot(rack)
    await waitUntil(
      () => servers.log.filter((line) => line === 'r1 console open').length,
      (count) => count > 1,
    )
    servers.consoles.get('r1')?.print('Kernel panic - not syncing\n')
    await isSetAside(rack, 'its wipe did not report within 60s: r1 has its script')
    expect(why(rack)).toContain('the last line on its console is "Kernel panic - not syncing"')
    expect(rack.lines.join('\n')).toContain('r1 is set aside: its wipe did not report within 60s')
    expect([servers.r1.isOn, rack.armed.size]).toEqual([false, 0])
    expect((await ask(rack, 'POST', report)).status).toBe(409)
    await isHeld(rack)
    await rack.driver.release('r1')
    expect(why(rack)).toBeUndefined()
    await rack.powerOn('d2', 'r1')
  })

  test('tells how far a machine came that has not fetched its script', async () => {
    using own = makeServers({ timeoutMs: 60_000 })
    await using rack = await own.servers.start()
    await giveBack(rack)
    await isSetAside(rack, 'its wipe did not report within 60s: r1: ')
  })

  test('because the machine went off sets it aside', async () => {
    using own = makeServers()
    const { servers } = own
    await using rack = await servers.start()
    await giveBack(rack)
    await boot(rack)
    await waitUntil(
      () => why(rack),
      (words) => words === 'it is being wiped',
    )
    servers.r1.isOn = false
    await isSetAside(rack, 'it went off before its wipe reported')
  })

  test('by its own word sets its machine aside, with the reason', async () => {
    using own = makeServers()
    await using rack = await own.servers.start()
    await giveBack(rack)
    const report = await boot(rack)
    expect((await ask(rack, 'POST', `${report}?failed=${encodeURIComponent('sda: \u001b[31mI/O error')}`)).status).toBe(
      204,
    )
    await isSetAside(rack, 'its wipe reported a failure: sda: ')
    expect(why(rack)).not.toContain('\u001b')
    expect((await ask(rack, 'POST', report)).status).toBe(409)
  })

  test('while the BMC is silent still ends with the machine off', async () => {
    using own = makeServers({ timeoutMs: 60_000 })
    const { servers } = own
    await using rack = await servers.start()
    await giveBack(rack)
    await boot(rack)
    await waitUntil(
      () => why(rack),
      (words) => words === 'it is being wiped',
    )
    servers.r1.isSilent = true
    await waitUntil(
      () => why(rack) ?? '',
      (words) => words.includes('did not report within') && words.endsWith('does not answer'),
    )
    await rack.driver.release('r1')
    // A person's word does not switch it off.
    expect([why(rack), servers.r1.isOn]).toEqual([
      'it is released, and has to be seen off; the BMC of "r1" does not answer',
      true,
    ])
    await isHeld(rack)
    servers.r1.isSilent = false
    await becomesFree(rack)
    expect(servers.r1.isOn).toBe(false)
  })
})

describe('a machine that has reported', () => {
  test('and restarts is not free before it is off', async () => {
    using own = makeServers()
    const { servers } = own
    const { r1 } = servers
    await using rack = await servers.start()
    await giveBack(rack)
    const report = await boot(rack)
    await waitUntil(
      () => why(rack),
      (words) => words === 'it is being wiped',
    )
    // It is off for one look, and on again.
    r1.isOn = false
    let looks = 0
    r1.onRequest = (words) => {
      if (words === '' && ++looks === 2) r1.isOn = true
      expect(why(rack)).toBeDefined()
    }
    await ask(rack, 'POST', report)
    await becomesFree(rack)
    expect([r1.isOn, servers.log.filter((line) => line === 'r1 off')]).toEqual([false, ['r1 off', 'r1 off']])
  })

  test('only after a restart is free all the same: the script is there for the second boot', async () => {
    using own = makeServers()
    await using rack = await own.servers.start()
    await giveBack(rack)
    const first = await boot(rack)
    const second = await boot(rack)
    expect(second).toBe(first)
    await ask(rack, 'POST', second)
    await becomesFree(rack)
  })
})

describe('a release', () => {
  test('is refused while the machine is being wiped', async () => {
    using own = makeServers()
    await using rack = await own.servers.start()
    await giveBack(rack)
    await expect(rack.driver.release('r1')).rejects.toThrow('the machine "r1" is being wiped')
    const report = await boot(rack)
    await expect(rack.driver.release('r1')).rejects.toThrow('the machine "r1" is being wiped')
    await isHeld(rack)
    await ask(rack, 'POST', report)
    await becomesFree(rack)
  })

  test('says that a machine is off which only hands switch', async () => {
    using own = makeServers()
    const { servers } = own
    const hand = '52:54:00:aa:00:04'
    await using rack = await servers.start()
    await rack.driver.release('hand')
    const powering = rack.powerOn('d1', 'hand', { macs: [hand] })
    const client = { stage: 'pxe', name: 'UEFI x86_64', isUefi: true } as const
    const see = async (count: number) => {
      await waitUntil(
        () => rack.lines.filter((line) => line.includes('switch hand on now')).length,
        (told) => told === count,
      )
      rack.see({ kind: 'discover', mac: hand, client })
    }
    const confirm = async (count: number) => {
      await waitUntil(
        () => rack.lines.filter((line) => line.includes('switch hand off now')).length,
        (told) => told === count,
      )
      await rack.driver.release('hand')
    }
    await see(1)
    const machine = await powering
    const leaving = machine[Symbol.asyncDispose]()
    await confirm(1)
    await leaving
    await rack.driver.discard?.('d1')
    await see(2)
    const report = await boot(rack, hand)
    expect(why(rack, 'hand')).toMatch('wiped')
    await ask(rack, 'POST', report)
    await confirm(2)
    await becomesFree(rack, 'hand')
  })

  test('accepts a BMC that was replaced during the wipe', async () => {
    using own = makeServers()
    const { servers } = own
    servers.r1.identity = { macs: [], uuids: ['a'] }
    const clock = createFastClock(100)
    await using rack = await servers.start([], clock)
    await giveBack(rack)
    const report = await boot(rack)
    servers.r1.identity = { macs: [], uuids: ['b'] }
    // A check of the BMC holds for 10 s.
    await clock.sleep(11_000)
    await ask(rack, 'POST', report)
    await waitUntil(
      () => why(rack) ?? '',
      (words) => words.includes('belongs to another machine'),
    )
    await isHeld(rack)
    await rack.driver.release('r1')
    await becomesFree(rack)
    expect(servers.r1.isOn).toBe(false)
  })
})

describe('a rack that starts again', () => {
  test('goes on with a wipe that runs', async () => {
    using own = makeServers()
    const { servers } = own
    let report = ''
    {
      await using rack = await servers.start()
      await giveBack(rack)
      report = await boot(rack)
      await waitUntil(
        () => why(rack),
        (words) => words === 'it is being wiped',
      )
    }
    await using rack = await servers.start()
    expect(why(rack)).toBe('it is being wiped')
    await isHeld(rack)
    await boot(rack)
    expect((await ask(rack, 'POST', report)).status).toBe(204)
    await becomesFree(rack)
    expect(servers.log.filter((line) => line === 'r1 on')).toHaveLength(2)
  })

  test('wipes a machine again that went off meanwhile', async () => {
    using own = makeServers()
    const { servers } = own
    {
      await using rack = await servers.start()
      await giveBack(rack)
      await boot(rack)
      await waitUntil(
        () => why(rack),
        (words) => words === 'it is being wiped',
      )
    }
    servers.r1.isOn = false
    await using rack = await servers.start()
    await waitUntil(
      () => servers.r1.isOn,
      (isOn) => isOn,
    )
    await isHeld(rack)
    await ask(rack, 'POST', await boot(rack))
    await becomesFree(rack)
  })

  test('remembers a failure, and has the machine off', async () => {
    using own = makeServers()
    const { servers } = own
    {
      await using rack = await servers.start()
      await giveBack(rack)
      const report = await boot(rack)
      servers.r1.isSilent = true
      await ask(rack, 'POST', `${report}?failed=bad`)
    }
    servers.r1.isSilent = false
    await using rack = await servers.start()
    await isSetAside(rack, 'its wipe reported a failure: bad')
    expect(servers.r1.isOn).toBe(false)
  })

  test('without a wipe in its file sets the machine aside that was to be wiped', async () => {
    using own = makeServers({ script: '/nowhere/wipe.ipxe' })
    const { servers } = own
    {
      await using rack = await servers.start()
      await giveBack(rack)
    }
    for (const machine of servers.file.machines) machine.wipe = undefined
    await using rack = await servers.start()
    await isSetAside(rack, 'it was to be wiped, but the rack file no longer says how')
    await rack.driver.release('r1')
    expect(why(rack)).toBeUndefined()
  })
})
