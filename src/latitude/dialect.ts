// How the Latitude.sh API differs from other APIs: its authentication, its errors, and what to do about them.
import type { Dialect } from '../http/answer.ts'
import { readJson } from '../text/json.ts'
import { contentType, errorSchema } from './schema.ts'

/** The API and the account, and where both came from: a flag or a variable. */
export interface LatitudeAccount {
  /** Without a trailing slash. */
  apiUrl: string
  token: string
  apiUrlFrom?: string | undefined
  tokenFrom?: string | undefined
}

/** Whether a body is a refusal, whatever the status of its answer. */
export function isRefusal(text: string): boolean {
  return errorSchema.safeParse(readJson(text)).success
}

/** `SERVER_BEING_PROVISIONED: Server is being provisioned`; undefined if a body is not a refusal. */
function readRefusal(text: string): string | undefined {
  const refusal = errorSchema.safeParse(readJson(text)).data
  const words = refusal?.errors.map(({ code, title, detail }) =>
    [code, detail ?? title].filter((word) => word).join(': '),
  )
  return words?.filter((word) => word !== '').join('; ')
}

function readCode(text: string): string | undefined {
  const codes = errorSchema.safeParse(readJson(text)).data?.errors.map(({ code }) => code)
  return codes?.find((code) => typeof code === 'string') ?? undefined
}

const hints: Record<number, string> = {
  402: 'add a payment method to the team in the dashboard of Latitude.sh',
  403: 'check that the API key belongs to the team that owns the project',
}

/** How to talk to the API as one account. */
export function createDialect({ token, ...origin }: LatitudeAccount): Dialect {
  return {
    ...origin,
    layer: 'latitude',
    title: 'an API of Latitude.sh',
    headersFor: () => ({ authorization: `Bearer ${token}`, accept: contentType }),
    readRefusal,
    readCode,
    requestIdHeader: 'x-request-id',
    contentType,
    hintFor({ path }, { status }) {
      if (status === 404 && path.startsWith('/servers/')) return 'metalkit ls lists the machines that metalkit created'
      return hints[status]
    },
  }
}
