// A console through OpenStack Ironic.
import type { Clock } from '../../clock.ts'
import { settleBefore } from '../../deadline.ts'
import type { IronicSettings } from '../file/ironic-settings.ts'
import { IronicClient, type IronicTools } from '../ironic/client.ts'
import { IronicConsole } from '../ironic/ironic-console.ts'
import { IronicNode } from '../ironic/node.ts'
import type { Connect, Link, LinkHooks } from './link.ts'
import { SolInput, SolOutput } from './sol-stream.ts'
import { connectTcp } from './tcp.ts'

const goodbyeMs = 10_000
/** Between two looks at whether Ironic still has the console: a program that it gave up keeps its connections. */
const lookMs = 30_000
/** ipmitool logs in to the BMC; a machine that is on may print something before. */
const greetingMs = 15_000

/** A link to an ipmitool, without what ipmitool adds. */
async function connectIpmitool(connect: Connect, { onOutput, signal }: LinkHooks): Promise<Link> {
  const output = new SolOutput()
  const input = new SolInput()
  let fail: ((why: string) => void) | undefined
  const failed = new Promise<string>((resolve) => (fail = resolve))
  let greet: (() => void) | undefined
  const greeted = new Promise<void>((resolve) => (greet = resolve))
  const decode = (chunk: Buffer) => {
    try {
      const bytes = output.decode(chunk)
      if (bytes.length > 0) onOutput(bytes)
      if (output.isOpen) greet?.()
    } catch (error) {
      fail?.(error instanceof Error ? error.message : String(error))
    }
  }
  const link = await connect({ onOutput: decode, signal })
  const lost = Promise.race([link.lost, failed])
  // An open session, or its end, which is reported as a loss.
  await settleBefore<unknown>(
    { ms: greetingMs, late: () => fail?.('ipmitool does not open a session'), signal },
    (resolve) => {
      void Promise.race([greeted, lost]).then(resolve)
    },
  ).catch(async (error: unknown) => {
    await link.close()
    throw error
  })
  return {
    type: (bytes) => link.type(input.encode(bytes)),
    sendBreak() {
      output.expectEcho()
      link.type(input.encodeBreak())
      return true
    },
    lost,
    close: () => link.close(),
  }
}

/** Fulfilled once Ironic has the console no longer; never, if the signal aborts before. */
async function watchEnabled(node: IronicNode, clock: Clock, signal: AbortSignal): Promise<string> {
  for (;;) {
    await clock.sleep(lookMs, signal)
    const seen = await node.look(signal).catch(() => undefined)
    if (seen?.console_enabled === false) return 'Ironic has disabled it'
  }
}

/** Connects to a node's console, and takes it over from any other session. */
export function connectIronic({ service, node }: IronicSettings, tools: IronicTools): Connect {
  return async (hooks): Promise<Link> => {
    const client = new IronicClient(service, tools)
    const record = new IronicNode(client, node, tools.clock)
    const console = new IronicConsole(record)
    const end = async () => {
      await console.close(AbortSignal.timeout(tools.clock.toRealMs(goodbyeMs))).catch(() => {})
      await client[Symbol.asyncDispose]()
    }
    try {
      const { address, isIpmitool } = await console.open(hooks.signal)
      const connect = connectTcp(address)
      const link = isIpmitool ? await connectIpmitool(connect, hooks) : await connect(hooks)
      const over = new AbortController()
      const disabled = watchEnabled(record, tools.clock, over.signal).catch(() => link.lost)
      return {
        ...link,
        lost: Promise.race([link.lost, disabled]),
        async close() {
          over.abort()
          await link.close()
          await end()
        },
      }
    } catch (error) {
      await client[Symbol.asyncDispose]()
      throw error
    }
  }
}
