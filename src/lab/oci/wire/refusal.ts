// Refusals in the API's shape, `{code, message}`. Codes and statuses are those of Oracle's list of API errors; texts marked [I] are
// inferred.
import type { LabAnswer } from '../../web/answer.ts'

/** The statuses of the codes. */
export const httpStatus = {
  CannotParseRequest: 400,
  InvalidParameter: 400,
  MissingParameter: 400,
  LimitExceeded: 400,
  QuotaExceeded: 400,
  NotAuthenticated: 401,
  NotAuthorizedOrNotFound: 404,
  MethodNotAllowed: 405,
  IncorrectState: 409,
  InvalidatedRetryToken: 409,
  Conflict: 409,
  NoEtagMatch: 412,
  PayloadTooLarge: 413,
  TooManyRequests: 429,
  InternalError: 500,
  MethodNotImplemented: 501,
  ServiceUnavailable: 503,
} as const

/** A code of the API. */
export type Code = keyof typeof httpStatus

/** The answer that refuses a request. */
export function refuse(code: Code, message: string, headers: Record<string, string> = {}): LabAnswer {
  return { status: httpStatus[code], json: { code, message }, headers }
}

/** 401. */
export const notAuthenticated = refuse(
  'NotAuthenticated',
  'The required information to complete authentication was not provided or was incorrect.',
)

/** 404: the API does not tell what is missing from what is forbidden. */
export const notFound = refuse('NotAuthorizedOrNotFound', 'Authorization failed or requested resource not found.')

/** 500 without a free machine. */
export const outOfCapacity = refuse('InternalError', 'Out of host capacity.')
