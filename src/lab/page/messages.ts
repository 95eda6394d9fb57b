// What the page and the lab say to each other over the websocket: a JSON value a message.
import type { Fetched } from '../cloud/fetch-trail.ts'

/** A machine in the list. Times are RFC 3339. */
export interface MachineSummary {
  id: string
  hostname: string
  plan: string
  metro: string
  state: string
  /** 0 to 100. */
  percentage: number
  createdAt: string
  isOn: boolean
}

/** Who can type into the machine that is looked at. */
export type Keyboard = 'free' | 'yours' | 'taken'

/** The machine that is looked at. Events are newest first. */
export interface MachineDetail {
  id: string
  events: { id: string; type: string; body: string; createdAt: string }[]
  fetched: Fetched[]
  /** The iPXE script that the lab's boot server gives it. */
  script: string
  keyboard: Keyboard
}

/** From the lab. Console bytes are base64. */
export type LabMessage =
  | { type: 'machines'; machines: MachineSummary[] }
  | { type: 'detail'; detail: MachineDetail }
  /** What was printed before the machine was looked at comes first, with `isStart`. */
  | { type: 'console'; id: string; data: string; isStart: boolean }
  | { type: 'denied' }
  /** Once a second: a page that hears nothing says so. */
  | { type: 'alive' }

/** From the page. The first one is `hello`. */
export type PageMessage =
  | { type: 'hello'; token: string }
  | { type: 'look'; id: string }
  | { type: 'take' }
  | { type: 'release' }
  | { type: 'keys'; data: string }
