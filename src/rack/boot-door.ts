// The server on the machines' LAN. It answers what machines ask and nothing else, so that the API can stay on loopback.
import { type Address, formatAddress } from '../address.ts'
import type { Reporter } from '../io.ts'
import { type LabAnswer, notFound } from '../lab/web/answer.ts'
import { type ApiRequest, type Handler, isForMachines } from '../lab/web/request.ts'
import { startApiServer } from '../lab/web/server.ts'
import type { NetworkBoots } from './machines/network-boots.ts'

/** The open door. Requests wait until somebody answers them. */
export interface BootDoor extends AsyncDisposable {
  /** The origin of boot URLs: `http://192.168.1.10:7071`. */
  origin: string
  /** Starts to answer; `boots` learns what machines have done. */
  answerWith(handle: Handler<LabAnswer>, boots: NetworkBoots): void
}

/** Tells what a request shows of a machine: that it has its script, or that the script runs. */
function notice({ path, query, method }: ApiRequest, origin: string, boots: NetworkBoots): void {
  const [, device, what] = /^(\/boot\/[^/]+)\/(auto\.ipxe|phone-home)$/.exec(path) ?? []
  if (device === undefined || method === 'HEAD') return
  const script = `${origin}${device}/auto.ipxe`
  if (what === 'auto.ipxe') boots.fetched(script)
  else if (query.get('type') === 'provisioning.104.01') boots.ran(script)
}

/** Opens the door. @throws LabError if it cannot listen */
export async function openBootDoor(listen: Address, report: Reporter): Promise<BootDoor> {
  let open: ((face: { handle: Handler<LabAnswer>; boots: NetworkBoots }) => void) | undefined
  const face = new Promise<{ handle: Handler<LabAnswer>; boots: NetworkBoots }>((resolve) => {
    open = resolve
  })
  const server = await startApiServer(
    listen,
    async (request) => {
      if (!isForMachines(request)) return notFound
      const { handle, boots } = await face
      const answer = await handle(request)
      if (answer.status < 300) notice(request, origin, boots)
      return answer
    },
    report,
    { flag: '--boot-port', noun: 'rack' },
  )
  const origin = `http://${formatAddress({ host: listen.host, port: server.port })}`
  return {
    origin,
    answerWith: (handle, boots) => open?.({ handle, boots }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
