// The setup of the client tests: a lab with a file server, and devices as clients create them.
import { createHash } from 'node:crypto'

import { expect } from 'vitest'

import { startTestLab, type TestAnswer, type TestLab, type TestLabOptions, waitForState } from '../../helpers/lab.ts'

/** A lab with its user and project. */
export interface ClientLab extends AsyncDisposable {
  lab: TestLab
  /** Path of the devices of the lab's project. */
  devices: string
  /** Sends a request unchanged, and expects the status. */
  readonly send: (status: number, method: string, path: string, body?: unknown) => Promise<TestAnswer['json']>
  /** Creates a device with the unchanged body, and waits until it is active. */
  readonly createActive: (body: object) => Promise<TestAnswer['json']>
}

/** Starts a lab for a client. */
export async function startClientLab(options: TestLabOptions = {}): Promise<ClientLab> {
  const lab = await startTestLab(options)
  const devices = `/projects/${lab.projectId}/devices`
  const send = async (status: number, method: string, path: string, body?: unknown) => {
    const answer = await lab.call(method, path, body)
    expect([answer.status, answer.json], `${method} ${path}`).toEqual([status, expect.anything()])
    return answer.json
  }
  return {
    lab,
    devices,
    send,
    createActive: async (body) => await waitForState(lab, (await send(201, 'POST', devices, body)).id, 'active'),
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  }
}

/** A boot script that needs no server. */
export const userdata = '#!ipxe\nsleep 600'

/** A field of SSH's wire format. */
function field(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
}

/** A different public key for each name. */
export function publicKey(name: string): string {
  const blob = Buffer.concat([field(Buffer.from('ssh-ed25519')), field(createHash('sha256').update(name).digest())])
  return `ssh-ed25519 ${blob.toString('base64')} ${name}`
}
