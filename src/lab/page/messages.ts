// The messages between the page and the lab over the websocket: one JSON value each.
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
