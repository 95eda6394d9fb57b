// A console on a serial port of this computer: a pair of ptys.
import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { needs } from '../../helpers/needs.ts'
import { awaitLine, makePtyPair, openFarEnd, openFor, type PtyPair } from './open.ts'

/** This process's descriptors of a terminal. */
function countOpen(tty: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(tty)
    } catch {
      return false
    }
  }).length
}

/** The number of this process's controlling terminal. */
const terminal = () => readFileSync('/proc/self/stat', 'utf8').split(' ')[6]

describe('a serial port', needs('socat', 'stty'), () => {
  let folder: TestFolder
  let pair: PtyPair

  beforeEach(async () => {
    folder = makeFolder()
    pair = await makePtyPair(folder.path)
  })
  afterEach(async () => {
    await pair.kill()
    folder[Symbol.dispose]()
  })
  const keys = (more: Record<string, unknown> = {}) => ({ console: { device: pair.near, ...more } })

  test('every byte passes in both directions, at the speed of the file, and no modem line matters', async () => {
    await using r1 = await openFor(keys({ speed: 57_600 }))
    expect(r1.lines).toEqual([])
    using machine = openFarEnd(pair)
    await awaitLine(r1, machine)
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1')
    machine.print(`<${all}>`)
    r1.type(`<${all}>`)
    await expect.poll(() => r1.output()).toContain(`<${all}>`)
    await expect.poll(() => machine.heard()).toContain(`<${all}>`)
    const modes = execFileSync('stty', ['-a', '-F', pair.near], { encoding: 'utf8' })
    expect(modes).toContain('speed 57600 baud')
    for (const mode of ['clocal', '-crtscts', '-icanon', '-echo', '-hupcl', 'cs8', '-parenb']) {
      expect(modes.split(/[\s;]+/)).toContain(mode)
    }
  })

  test('it never becomes the controlling terminal, and disposing closes it', async () => {
    const tty = readlinkSync(pair.near)
    const before = terminal()
    const r1 = await openFor(keys())
    expect(terminal()).toBe(before)
    expect(countOpen(tty)).toBe(2)
    await r1[Symbol.asyncDispose]()
    await expect.poll(() => countOpen(tty)).toBe(0)
  })

  test('an adapter that is pulled and plugged in again has the console back', { timeout: 30_000 }, async () => {
    await using r1 = await openFor(keys())
    {
      using machine = openFarEnd(pair)
      await awaitLine(r1, machine)
    }
    const tty = readlinkSync(pair.near)
    await pair.kill()
    await expect.poll(() => r1.lines.length).toBeGreaterThan(1)
    expect(r1.lines[0]).toMatch(
      /^the console of "r1" is lost: ".*near-[^"]*" (has gone|broke: .*); it is tried again until it opens$/,
    )
    expect(countOpen(tty)).toBe(0)
    r1.type('nobody hears this')
    pair = await makePtyPair(folder.path)
    await expect.poll(() => r1.lines.at(-1), { timeout: 15_000 }).toBe('the console of "r1" is open again')
    using machine = openFarEnd(pair)
    await awaitLine(r1, machine)
    expect(machine.heard()).not.toContain('nobody')
  })

  test('a missing port, one without permission and one that is no port are one line each', async () => {
    await using missing = await openFor({ console: { device: '/dev/ttyUSB99' } })
    expect(missing.lines[0]).toBe(
      'the console of "r1" cannot be opened: "/dev/ttyUSB99" cannot be opened: no such file or directory (plug its adapter in; /dev/serial/by-id has names that stay); it is tried again until it opens',
    )
    await using other = await openFor({ console: { device: folder.write('file', '') } })
    expect(other.lines[0]).toMatch(/file" is not a serial port; it is tried again until it opens$/)
  })

  test('without stty the reason says so', async () => {
    await using r1 = await openFor(keys(), { env: { PATH: '/nonexistent' } })
    expect(r1.lines[0]).toContain('cannot be set up: stty cannot be started: no such file or directory')
    expect(countOpen(readlinkSync(pair.near))).toBe(0)
  })

  test('a break is sent by perl on the port itself', async () => {
    const witness = join(folder.path, 'break')
    const perl = folder.write('perl', `#!/bin/sh\nreadlink /proc/self/fd/0 >${witness}\necho "$*" >>${witness}\n`)
    chmodSync(perl, 0o755)
    await using r1 = await openFor(keys(), { env: { PATH: `${folder.path}:${process.env['PATH']}` } })
    r1.console.sendBreak()
    const said = () => execFileSync('cat', [witness], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    await expect.poll(said).toBe(`${readlinkSync(pair.near)}\n-MPOSIX -e exit(POSIX::tcsendbreak(0, 0) ? 0 : 1)\n`)
  })

  test('perl can send a break on a terminal', needs('perl'), () => {
    const program = `POSIX::tcsendbreak(0, 0) ? exit(0) : exit(1)`
    execFileSync('sh', ['-c', `perl -MPOSIX -e '${program}' <${pair.near}`])
  })
})
