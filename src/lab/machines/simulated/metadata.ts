// The requests that a simulated machine's system sends to the metadata service, as a real image would.
import { request } from 'node:http'

const patienceMs = 5000
const maxAnswerLength = 4096

/** Sends a request. @returns the text of the answer; undefined if there is no answer */
function ask(method: string, url: string, signal: AbortSignal, body?: object): Promise<string | undefined> {
  return new Promise((resolve) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = {
      connection: 'close',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    }
    const sent = request(url, { method, agent: false, headers, signal, timeout: patienceMs }, (response) => {
      let answer = ''
      response.on('data', (chunk: Buffer) => {
        if (answer.length < maxAnswerLength) answer += chunk.toString()
      })
      response.on('error', () => resolve(undefined))
      response.on('end', () => resolve(response.statusCode === 200 ? answer : undefined))
    })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => resolve(undefined))
    sent.end(text)
  })
}

/** The service's URL for a machine; undefined if the machine's boot script is not from a lab. */
function serviceOf(bootUrl: string): string | undefined {
  return /^(http:\/\/.*)\/auto\.ipxe$/.exec(bootUrl)?.[1]
}

/** Gets the machine's host name from the service; undefined without an answer. */
export async function askHostname(bootUrl: string, signal: AbortSignal): Promise<string | undefined> {
  const service = serviceOf(bootUrl)
  const name = service && (await ask('GET', `${service}/2009-04-04/meta-data/hostname`, signal))
  signal.throwIfAborted()
  return name || undefined
}

/** Reports that the system is up, which becomes an event of the device. It does not matter if nobody listens. */
export async function sayUp(bootUrl: string, message: string, signal: AbortSignal): Promise<void> {
  const service = serviceOf(bootUrl)
  if (service !== undefined) await ask('POST', `${service}/events`, signal, { state: 'succeeded', code: 1000, message })
  signal.throwIfAborted()
}
