// A public URL through the ngrok agent on this computer (ngrok.com/docs/agent/api).
import { randomBytes } from 'node:crypto'
import { Agent as Connections } from 'undici'
import * as z from 'zod'
import { within } from '../deadline.ts'
import { TunnelError } from '../errors.ts'
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
  report: Pick<Reporter, 'warn' | 'detail'>
  signal: AbortSignal
}

/** The agent's API. */
class Agent {
  readonly #url: string
  readonly #connections = new Connections({ headersTimeout: timeoutMs })

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}`
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
    const path = `/api/tunnels/${encodeURIComponent(name)}`
    await this.#connections.request({ origin: this.#url, path, method: 'DELETE' })
  }

  async #ask<T>(method: 'GET' | 'POST', body: unknown, schema: z.ZodType<T>, signal: AbortSignal) {
    const either = within(timeoutMs, signal)
    const headers = { 'content-type': 'application/json' }
    let text: string
    let status: number
    try {
      const content = body === undefined ? {} : { headers, body: JSON.stringify(body) }
      const call = { origin: this.#url, path: '/api/tunnels', method, signal: either, ...content }
      const answer = await this.#connections.request(call)
      status = answer.statusCode
      text = await answer.body.text()
    } catch (error) {
      signal.throwIfAborted()
      throw new TunnelError(`no ngrok agent answers at "${this.#url}/api/tunnels" (${describeCondition(error)})`, {
        hint: 'start it with ngrok start --none, or name its port with --tunnel ngrok:port',
        cause: error,
      })
    }
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
  const agent = new Agent(apiPort)
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
