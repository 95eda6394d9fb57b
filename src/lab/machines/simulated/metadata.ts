// What the system of a simulated machine asks the metadata service, and says to it, as an image for these machines would.
import { request } from 'node:http'

const patienceMs = 5000
const maxAnswerLength = 4096

/** One exchange. @returns the text of the answer, undefined where there is none */
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

/** The service's URL for a machine; undefined where its boot script is not a lab's. */
function serviceOf(bootUrl: string): string | undefined {
  return /^(http:\/\/.*)\/auto\.ipxe$/.exec(bootUrl)?.[1]
}

/** The host name that the service has for a machine. Without an answer there is none. */
export async function askHostname(bootUrl: string, signal: AbortSignal): Promise<string | undefined> {
  const service = serviceOf(bootUrl)
  const name = service && (await ask('GET', `${service}/2009-04-04/meta-data/hostname`, signal))
  signal.throwIfAborted()
  return name || undefined
}

/** Says that the system is up, which becomes an event of the device. Whether anybody listens makes no difference. */
export async function sayUp(bootUrl: string, message: string, signal: AbortSignal): Promise<void> {
  const service = serviceOf(bootUrl)
  if (service !== undefined) await ask('POST', `${service}/events`, signal, { state: 'succeeded', code: 1000, message })
  signal.throwIfAborted()
}
