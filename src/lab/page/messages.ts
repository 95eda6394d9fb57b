// The messages between the page and the lab over the websocket: one JSON value each.
import type { DeviceState } from '../cloud/device-state.ts'
import type { Fetched } from '../cloud/fetch-trail.ts'

/** A machine in the list. Times are RFC 3339. */
export interface MachineSummary {
  id: string
  hostname: string
  plan: string
  place: string
  /** The lab's own state, on which the page's buttons and colours depend. */
  state: DeviceState
  /** The state in the words of the lab's cloud. */
  stateWord: string
  /** 0 to 100. */
  percentage: number
  createdAt: string
  power: ShownPower
  /** The machine of the rack; undefined in a lab. */
  machine?: string | undefined
}

/** `unknown` while nobody can tell. */
export type ShownPower = 'on' | 'off' | 'unknown'

/** A machine of a rack, with or without a device. */
export interface StockView {
  name: string
  plan: string
  power: ShownPower
  use: 'free' | 'taken' | 'in use' | 'set aside'
  /** Why no device may get it. */
  why?: string | undefined
  /** The device that has it. */
  device?: { id: string; hostname: string } | undefined
}

/** Who can type into the selected machine. */
export type Keyboard = 'free' | 'yours' | 'taken'

/** The details of the selected machine. Events are newest first. */
export interface MachineDetail {
  id: string
  events: { id: string; type: string; body: string; createdAt: string }[]
  fetched: Fetched[]
  /** The iPXE script that the lab's boot server sends to it. */
  script: string
  keyboard: Keyboard
}

/** From the lab. Console bytes are base64. */
export type LabMessage =
  | { type: 'machines'; machines: MachineSummary[] }
  /** Only from a rack. */
  | { type: 'stock'; machines: StockView[] }
  | { type: 'detail'; detail: MachineDetail }
  /** The output from before the machine was selected comes first, with `isStart`. */
  | { type: 'console'; id: string; data: string; isStart: boolean }
  | { type: 'denied' }
  /** Sent once a second, so that a page can tell when the lab stops answering. */
  | { type: 'alive' }

/** From the page. The first message is `hello`. */
export type PageMessage =
  | { type: 'hello'; token: string }
  | { type: 'look'; id: string }
  | { type: 'take' }
  | { type: 'release' }
  | { type: 'keys'; data: string }
