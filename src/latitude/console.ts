// The serial console, which Latitude.sh calls out of band: made by the API for one of the project's keys, reached by SSH.
import { isIP } from 'node:net'
import { toPort } from '../address.ts'
import { ApiError, AuthenticationError, ConsoleError } from '../errors.ts'
import type { ConsolePlace, ConsoleRequest } from '../machine/cloud.ts'
import type { LatitudeClient } from './client.ts'
import type { OutOfBand, SshKey } from './schema.ts'

const firstDelayMs = 5000
const maxDelayMs = 15_000

/** Type and base64 of a public key, without its comment. */
export function keyOf({ attributes }: SshKey): string {
  return attributes.public_key.trim().split(/\s+/).slice(0, 2).join(' ')
}

/** The first of the user's keys that the project has. @throws ConsoleError if it has none */
function chooseKey(keys: readonly SshKey[], wanted: readonly string[]): SshKey {
  for (const line of wanted) {
    const key = keys.find((each) => keyOf(each) === line)
    if (key !== undefined) return key
  }
  throw new ConsoleError('the project has none of your SSH keys, so its console would refuse you', {
    hint: 'add one of them to the project in the dashboard of Latitude.sh, or name one that it has with --identity',
  })
}

function toPlace(id: string, key: SshKey, { access_ip: host, port: text, username }: OutOfBand): ConsolePlace {
  const port = toPort(String(text))
  if (isIP(host) === 0 || port === undefined || !/^[\w.-]+$/.test(username)) {
    throw new ConsoleError(`the API names no usable address for the console of "${id}"`, {
      hint: 'try again; if it persists, ask the support of Latitude.sh',
    })
  }
  // The API has no call that closes a console.
  return { address: { host, port }, username, publicKey: keyOf(key), async [Symbol.asyncDispose]() {} }
}

/** Whether a refusal may end once the machine is deployed. A token or right that is missing will not come. */
function isPassing(error: unknown): error is ApiError {
  return error instanceof ApiError && !(error instanceof AuthenticationError) && error.status !== 403
}

/**
 * Opens a machine's console, and repeats the request while it is refused, as it may be until the machine is deployed.
 * @param project the id or slug of the project with the keys
 * @throws ConsoleError if the project has none of the user's keys; ApiError for a lasting refusal; the signal's reason
 */
export async function openConsole(
  client: LatitudeClient,
  id: string,
  project: string,
  { publicKeys, onWait, signal }: ConsoleRequest,
): Promise<ConsolePlace> {
  const key = chooseKey(await client.listSshKeys(project, signal), publicKeys)
  for (let tries = 1, delayMs = firstDelayMs; ; tries++, delayMs = Math.min(delayMs * 1.5, maxDelayMs)) {
    try {
      return toPlace(id, key, await client.openOutOfBand(id, key.id, signal))
    } catch (error) {
      if (!isPassing(error)) throw error
      // A console that exists already, or whose answer was lost, may be listed.
      const existing = await client.getOutOfBand(id, signal).catch((failure: unknown) => {
        if (!isPassing(failure)) throw failure
        return undefined
      })
      if (existing?.ssh_key?.id === key.id) return toPlace(id, key, existing)
      if (tries === 1) onWait(error.message)
      await client.caller.clock.sleep(delayMs, signal)
    }
  }
}
