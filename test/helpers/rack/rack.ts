// A rack in this process, whose machines and BMCs are simulated: everything else is the rack's own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Clock } from '../../../src/clock.ts'
import { LastingLine } from '../../../src/rack/console/lasting-line.ts'
import { parseRackFile } from '../../../src/rack/file/rack-file.ts'
import type { RackedView } from '../../../src/rack/machines/driver.ts'
import { CheckedPower } from '../../../src/rack/power/checked.ts'
import { openRack } from '../../../src/rack/rack.ts'
import type { MachineDriver } from '../../../src/lab/machines/driver.ts'
import type { Reporter } from '../../../src/io.ts'
import { createFastClock } from '../clock.ts'
import { startTestLab, type TestLab, type TestLabOptions } from '../lab.ts'
import { createRecorder } from '../recorder.ts'
import { SimulatedBoard } from './board.ts'

/** A rack of simulated machines. */
export interface SimulatedRack extends TestLab {
  boards: readonly SimulatedBoard[]
  /** The machines, as the rack has them. */
  views(): RackedView[]
  /** Each time at which a machine could be handed out although it was on. */
  mistakes: readonly string[]
}

/** The options of a rack of simulated machines. */
export interface SimulatedRackOptions {
  count: number
  pace?: TestLabOptions['pace']
  /** The clock of the rack; by default a hundred times as fast. */
  clock?: Clock
  /** The systems in the machines. */
  systems?: MachineDriver
  /** The plan of each machine, the last of all further ones; by default that of the tests, then the default of `run`. */
  plans?: readonly string[]
  /** By default every message is kept. */
  report?: Reporter
  later?: TestLabOptions['later']
}

/** Starts a rack, in the metro that `run` uses by default. */
export async function startSimulatedRack({
  count,
  pace,
  clock = createFastClock(100),
  systems,
  plans = ['c3.small.x86', 'baremetal_0'],
  report,
  later,
}: SimulatedRackOptions): Promise<SimulatedRack> {
  const recorder = createRecorder()
  const told = report ?? recorder
  const folder = mkdtempSync(join(tmpdir(), 'metalkit-rack-'))
  const boards = Array.from({ length: count }, (_, index) => {
    const mac = `52:54:00:aa:${[index >> 8, index & 255].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`
    return new SimulatedBoard({ name: `r${index + 1}`, mac, clock, ...(systems === undefined ? {} : { systems }) })
  })
  const content = stringify({
    metro: 'am',
    network: { address: '127.0.0.1', dhcp: 'none' },
    plans: Object.fromEntries(plans.map((plan) => [plan, {}])),
    machines: boards.map(({ name, mac }, index) => ({
      name,
      plan: plans[Math.min(index, plans.length - 1)],
      macs: [mac],
      firmware: 'bios',
      power: 'by-hand',
    })),
  })
  const path = join(folder, 'rack.yaml')
  writeFileSync(path, content)
  const file = parseRackFile(path, content)
  // Whatever the file says, a simulated BMC switches the machine, and no person.
  const commands = { kind: 'commands', on: '', off: '', status: '', env: {}, timeoutMs: 1 } as const
  for (const machine of file.machines) {
    machine.power = { ...commands, softOff: undefined, reset: undefined, boot: undefined, clearBoot: undefined }
  }
  const boardOf = (name: string | undefined) => boards.find((board) => board.name === name)
  const over = new AbortController()
  const rack = await openRack({
    path,
    file,
    stateFolder: join(folder, 'state'),
    bootPort: 0,
    env: {},
    report: told,
    signal: over.signal,
    clock,
    ports: { dhcp: 0, dhcpClient: 0, pxe: 0, tftp: 0 },
    wires: {
      createPower: (machine, tools) => {
        const board = boardOf(machine.name)
        if (board === undefined) throw new Error(`no board ${machine.name}`)
        return new CheckedPower(board.power, machine, tools)
      },
      openConsole: async ({ name }) => {
        const board = boardOf(name)
        if (board === undefined) throw new Error(`no board ${name}`)
        const tools = { name: `the console of "${name}"`, report: told, clock }
        const line = new LastingLine({ ...tools, connect: (hooks) => board.connect(hooks) })
        await line.tried
        return line
      },
    },
  })
  const { cloud, door } = rack
  const { driver, inventory } = cloud
  const mistakes: string[] = []
  let lab: TestLab | undefined
  const heldNames = () =>
    lab?.devices().map(({ machine }) => machine) ??
    driver.views().flatMap(({ name, holder }) => (holder === undefined ? [] : name))
  const look = () => {
    const held = new Set(heldNames())
    for (const { name, isOn } of boards) {
      if (isOn && !held.has(name) && driver.whyUnusable(name) === undefined) mistakes.push(`${name} is free, and on`)
    }
  }
  for (const board of boards) {
    board.origin = door.origin
    board.onStart = look
  }
  lab = await startTestLab({
    ...cloud,
    inventory: {
      ...inventory,
      whyUnusable: (name) => {
        look()
        return inventory.whyUnusable(name)
      },
    },
    driver: {
      kind: 'rack',
      powerOn: async (spec, hooks) => {
        const board = boardOf(spec.machine)
        if (board !== undefined) board.attended = spec.attended
        return await driver.powerOn(spec, hooks)
      },
      reattach: async (spec, hooks) => await driver.reattach?.(spec, hooks),
      discard: async (id, signal) => {
        await driver.discard?.(id, signal)
        look()
      },
      keepOnly: async (ids) => await driver.keepOnly?.(ids),
    },
    pace: { retryMs: 50, ...pace },
    cloudFile: join(folder, 'cloud.json'),
    report: told,
    later,
  })
  door.answerWith(lab.handle, driver.boots)
  const running = lab
  return {
    ...running,
    lines: recorder.lines,
    boards,
    views: () => driver.views(),
    mistakes,
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]()
      over.abort(new Error('the server ends'))
      await rack[Symbol.asyncDispose]()
      for (const board of boards) await board.cut()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
