// API keys in addition to the lab's own token.
import { randomBytes, randomUUID } from 'node:crypto'

/** An API key: of the user, or of a project. */
export interface ApiKey {
  readonly id: string
  readonly token: string
  readonly description: string
  /** Whether it allows only GET. */
  readonly readOnly: boolean
  readonly projectId: string | undefined
  /** RFC 3339. */
  readonly createdAt: string
}

/** Creates a token. */
export function createToken(): string {
  return randomBytes(24).toString('base64url')
}

/** Creates a key. */
export function createApiKey(fields: Pick<ApiKey, 'description' | 'readOnly' | 'projectId'>): ApiKey {
  return { id: randomUUID(), token: createToken(), createdAt: new Date().toISOString(), ...fields }
}
