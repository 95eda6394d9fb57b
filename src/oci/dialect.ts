// How Oracle's APIs differ from others: signed requests, errors with codes, and what a refusal means.
import type { ApiAnswer } from '../http/transport.ts'
import type { Call, Dialect } from '../http/answer.ts'
import { readJson } from '../text/json.ts'
import type { Profile } from './config-file.ts'
import { errorSchema, headers } from './schema.ts'
import { signRequest } from './signer.ts'

/** Further than this from the API's time, every signature is refused. */
const allowedSkewMs = 5 * 60_000

const limitHint =
  'the tenancy may not have more of these: raise its limit in the Oracle Cloud console (Limits, Quotas and Usage); new tenancies have no bare metal'
const connectionHint =
  'a tenancy has ten console connections: list them with oci compute instance-console-connection list, and delete one'
const missingHint =
  'Oracle Cloud says so too if the user of the profile may not see it: check the OCID and the policies'

/** The code and the message of an error; undefined if a body does not have the API's format. */
function readError(text: string): { code: string; message: string } | undefined {
  return errorSchema.safeParse(readJson(text)).data
}

/** Whether an answer says that there is no free machine, whatever its status is. */
function isOutOfCapacity(answer: ApiAnswer): boolean {
  return /out of (host )?capacity/i.test(readError(answer.text)?.message ?? '')
}

/** Codes of conflicts that pass (oracle/oci-go-sdk, common/retry.go). */
const passing = new Set(['IncorrectState', 'LockConflict'])

/** Whether to try again: a passing conflict, but not a lack of machines, which is answered with 500 and lasts. */
function isTransient(answer: ApiAnswer): boolean | undefined {
  if (isOutOfCapacity(answer)) return false
  return answer.status === 409 && passing.has(readError(answer.text)?.code ?? '') ? true : undefined
}

function hintFor({ path }: Call, answer: ApiAnswer): string | undefined {
  const code = readError(answer.text)?.code
  if (isOutOfCapacity(answer)) return 'try another --availability-domain or --machine, or later'
  if (code === 'LimitExceeded' || code === 'QuotaExceeded') {
    return path.includes('/instanceConsoleConnections') ? connectionHint : limitHint
  }
  return answer.status === 404 || answer.status === 403 ? missingHint : undefined
}

/**
 * One of Oracle's APIs, which a profile signs for.
 * @param clock the API's time, as far as it is known, and this computer's
 */
export function createDialect(
  origin: Pick<Dialect, 'apiUrl' | 'apiUrlFrom'>,
  profile: Profile,
  clock: { nowMs(): number; localMs(): number },
): Dialect {
  let skewMs = 0
  return {
    ...origin,
    layer: 'oci',
    title: 'an API of Oracle Cloud',
    headersFor({ method, url, body }) {
      return signRequest({ method, url, body, date: new Date(clock.nowMs()).toUTCString() }, profile)
    },
    readRefusal(text) {
      const error = readError(text)
      return error === undefined ? undefined : `${error.code}: ${error.message}`
    },
    readCode: (text) => readError(text)?.code,
    requestIdHeader: headers.requestId,
    isTransient,
    hintFor,
    noteAnswer(answer) {
      const timeMs = Date.parse(answer.headers['date'] ?? '')
      if (!Number.isNaN(timeMs)) skewMs = Math.abs(timeMs - clock.localMs())
    },
    get hintIfDenied() {
      if (skewMs > allowedSkewMs) {
        return `the clock of this computer differs from the API's by ${Math.round(skewMs / 60_000)} minutes: set it`
      }
      return profile.keyId.startsWith('ST$')
        ? `renew the session: oci session authenticate --profile-name ${profile.name}`
        : `check user, fingerprint and key_file of the profile "${profile.name}", and that the user has this API key`
    },
  }
}
