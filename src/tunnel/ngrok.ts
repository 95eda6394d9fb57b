// A public URL through the ngrok agent on this computer (ngrok.com/docs/agent/api).
import { randomBytes } from 'node:crypto'
import * as z from 'zod'
import { TunnelError } from '../errors.ts'
import { Connections } from '../http/connections.ts'
import { NoAnswerError, type Outgoing, send } from '../http/transport.ts'
import { describeCondition } from '../text/system-error.ts'
import type { Reporter } from '../io.ts'
import { readJson } from '../text/json.ts'
import type { Tunnel } from './ssh-tunnel.ts'

const tunnelSchema = z.object({
  name: z.string(),
  public_url: z.string(),
  config: z.object({ addr: z.string() }),
})
const listSchema = z.object({ tunnels: z.array(tunnelSchema) })
const errorSchema = z.object({ msg: z.string(), details: z.object({ err: z.string().optional() }).optional() })
type NgrokTunnel = z.infer<typeof tunnelSchema>

const timeoutMs = 30_000

/** How an ngrok tunnel is found or opened. */
export interface NgrokOptions {
  /** Port of the agent's API on this computer. */
  apiPort: number
  /** The port that the tunnel must lead to. */
  localPort: number
  report: Pick<Reporter, 'warn' | 'detail' | 'debug'>
  signal: AbortSignal
}

/** The agent's API. */
class Agent {
  readonly #url: string
  readonly #report: Pick<Reporter, 'debug'>
  readonly #connections = new Connections({ answerMs: timeoutMs })

  constructor(port: number, report: Pick<Reporter, 'debug'>) {
    this.#url = `http://127.0.0.1:${port}`
    this.#report = report
  }

  async list(signal: AbortSignal): Promise<NgrokTunnel[]> {
    return (await this.#ask('GET', undefined, listSchema, signal)).tunnels
  }

  async open(name: string, port: number, signal: AbortSignal): Promise<NgrokTunnel> {
    // http, because iPXE often fails over https.
    const body = { name, proto: 'http', addr: String(port), schemes: ['http'] }
    return await this.#ask('POST', body, tunnelSchema, signal)
  }

  async close(name: string): Promise<void> {
    const outcome = await this.#send({ method: 'DELETE' }, `/${encodeURIComponent(name)}`)
    if (outcome instanceof NoAnswerError) throw outcome.cause
  }

  async #send(outgoing: Outgoing, path = '') {
    const url = `${this.#url}/api/tunnels${path}`
    return await send(this.#connections, url, { ...outgoing, patienceMs: timeoutMs }, this.#report)
  }

  async #ask<T>(method: 'GET' | 'POST', body: unknown, schema: z.ZodType<T>, signal: AbortSignal) {
    const headers = { 'content-type': 'application/json' }
    const content = body === undefined ? {} : { headers, body: JSON.stringify(body) }
    const outcome = await this.#send({ method, signal, ...content })
    if (outcome instanceof NoAnswerError) {
      const { cause } = outcome
      throw new TunnelError(`no ngrok agent answers at "${this.#url}/api/tunnels" (${describeCondition(cause)})`, {
        hint: 'start it with ngrok start --none, or name its port with --tunnel ngrok:port',
        cause,
      })
    }
    const { status, text } = outcome
    const json = readJson(text)
    const answer = schema.safeParse(json)
    if (status < 300 && answer.success) return answer.data
    const refusal = errorSchema.safeParse(json).data
    const why = refusal === undefined ? `it answered ${status}` : (refusal.details?.err ?? refusal.msg)
    throw new TunnelError(`ngrok did not open a tunnel: ${why.split('\n')[0]}`, {
      hint: "check the agent's own messages",
    })
  }
}

/** True if a tunnel leads to a local port: the agent writes `8080`, `localhost:8080` or `http://localhost:8080`. */
function leadsTo({ config }: NgrokTunnel, port: number): boolean {
  const match = /^(?:http:\/\/)?(?:(?:localhost|127\.0\.0\.1|\[::1\]):)?(\d+)\/?$/.exec(config.addr)
  return Number(match?.[1]) === port
}

/** Uses an existing tunnel to the port, or opens one and closes it at the end. @throws TunnelError, or the signal's reason */
export async function openNgrokTunnel({ apiPort, localPort, report, signal }: NgrokOptions): Promise<Tunnel> {
  const agent = new Agent(apiPort, report)
  const tunnels = (await agent.list(signal)).filter(
    (tunnel) => leadsTo(tunnel, localPort) && /^https?:/.test(tunnel.public_url),
  )
  const ready = tunnels.find(({ public_url }) => public_url.startsWith('http:')) ?? tunnels[0]
  const tunnel = ready ?? (await agent.open(`metalkit-${randomBytes(4).toString('hex')}`, localPort, signal))
  if (tunnel.public_url.startsWith('https:')) {
    report.warn(`ngrok's URL "${tunnel.public_url}" is https, over which iPXE often cannot fetch`)
  }
  return {
    url: tunnel.public_url.replace(/\/+$/, ''),
    async [Symbol.asyncDispose]() {
      if (ready !== undefined) return
      await agent.close(tunnel.name).catch((error: unknown) => {
        report.warn(`the ngrok tunnel "${tunnel.name}" could not be closed (${describeCondition(error)})`)
      })
    },
  }
}
