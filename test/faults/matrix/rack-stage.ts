// A rack of simulated machines in which faults are played, and what must not happen to machines of one's own.
import { attendedMachines, waitUntil } from '../../helpers/lab.ts'
import { type SimulatedRack, startSimulatedRack } from '../../helpers/rack/rack.ts'
import type { Later } from '../../../src/lab/faults/faults.ts'
import type { Stage } from '../world.ts'

/** The devices that have a machine or leave one on, by the machine's name. */
function takenOf(rack: SimulatedRack): [string, string | undefined][] {
  return rack.views().flatMap(({ name, holder }) => {
    const isOn = rack.boards.find((board) => board.name === name)?.isOn
    return holder !== undefined || isOn === true ? [[name, holder]] : []
  })
}

/** Waits until only these devices have machines. @returns the machines that stay on or held, and those that were free while on */
async function findLosses(rack: SimulatedRack, own: readonly string[]): Promise<string[]> {
  const stray = () => takenOf(rack).filter(([, holder]) => holder === undefined || !own.includes(holder))
  try {
    await waitUntil(stray, (machines) => machines.length === 0, 20_000)
  } catch {
    // They are reported.
  }
  return [
    ...stray().map(([name, holder]) => `LOST: ${name} stays on or held (by ${holder ?? 'nobody'})`),
    ...rack.mistakes,
  ]
}

/** A rack of simulated machines. */
export async function openRackStage(pace: { queuedMs: number }, later?: Later): Promise<Stage & SimulatedRack> {
  const rack = await startSimulatedRack({ count: 4, pace, later, systems: attendedMachines() })
  return { ...rack, losses: (own) => findLosses(rack, own) }
}
