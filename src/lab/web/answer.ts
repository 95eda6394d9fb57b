// Answers of the server, as data, with the API's two error shapes: `error` for one reason, `errors` for a refused body.

/** A way in which sending an answer fails. */
export type Mishap =
  /** The connection is closed instead. */
  | 'dropped'
  /** Nothing is sent until the fault's time is over, or the client disconnects. */
  | 'late'
  /** Half of the body is sent, and the rest when the fault's time is over. */
  | 'halting'
  /** Half of the body is sent, and the connection is closed. */
  | 'cut'
  /** Half of the body is sent as if it were complete. */
  | 'truncated'

/** An answer before it is sent: JSON, plain text, bytes, or nothing. */
export interface LabAnswer {
  status: number
  json?: unknown
  text?: string
  bytes?: Buffer
  /** Called once the whole answer has been sent. */
  onSent?: () => void
  headers?: Record<string, string>
  /** How sending the answer fails; without lastsMs a slow answer lasts until the client disconnects. */
  mishap?: { kind: Mishap; lastsMs?: number | undefined }
}

/** 200 with JSON. */
export function ok(json: unknown): LabAnswer {
  return { status: 200, json }
}

/** 201 with the created object. */
export function created(json: unknown): LabAnswer {
  return { status: 201, json }
}

/** 204. */
export const noContent: LabAnswer = { status: 204 }

/** 202 without a body. */
export const accepted: LabAnswer = { status: 202 }

/** 200 with plain text, for iPXE. */
export function plain(text: string): LabAnswer {
  return { status: 200, text }
}

/** The error shape with a single reason. */
export function refuse(status: number, error: string, headers: Record<string, string> = {}): LabAnswer {
  return { status, json: { error }, headers }
}

/** 404 as the API words it. */
export const notFound = refuse(404, 'Not found')

/** 403 for a device that failed and was taken back, as the API words it. */
export const forbiddenDevice: LabAnswer = {
  status: 403,
  json: { errors: ['You are not authorized to view this device'] },
}

/** 401 as the API words it. */
export const unauthorized = refuse(401, 'Invalid authentication token')

/** 422 with reasons. */
export function unprocessable(...errors: string[]): LabAnswer {
  return { status: 422, json: { errors } }
}
