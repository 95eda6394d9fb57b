// Network boot in a process of its own, inside the namespace of a LAN: options are its argument, commands come on stdin, what
// it does goes to stdout, one JSON value a line.
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { hearDhcpServers } from '../../../src/rack/netboot/dhcp-servers.ts'
import { type NetbootOptions, startNetboot } from '../../../src/rack/netboot/netboot.ts'
import { explainStop } from '../../../src/rack/netboot/steps.ts'
import { describeError } from '../../../src/errors.ts'
import { readFileSync } from 'node:fs'

/** The options, and what is served by HTTP: texts, or files by their paths. */
export interface ServerOptions extends Omit<NetbootOptions, 'onStep'> {
  pages: Record<string, { text: string } | { path: string }>
}

/** A command of a test. */
export type Command =
  | { do: 'arm'; mac: string; script: string }
  | { do: 'disarm'; mac: string }
  | { do: 'explain'; mac: string }
  | { do: 'hear'; address: string }

const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`)

async function main(): Promise<void> {
  const options: ServerOptions = JSON.parse(process.argv[2] ?? '')
  const netboot = await startNetboot({ ...options, onStep: (step) => print({ step }) })
  const web = createServer((request, response) => {
    const path = request.url ?? ''
    const page = options.pages[path]
    const client = request.socket.remoteAddress ?? ''
    print({ asked: path, client, method: request.method })
    const send = (content: Buffer | undefined, onSent?: () => void) => {
      response.writeHead(content === undefined ? 404 : 200, { 'content-length': content?.length ?? 0 })
      response.end(request.method === 'HEAD' ? undefined : content, onSent)
    }
    if (page !== undefined) send('text' in page ? Buffer.from(page.text) : readFileSync(page.path))
    else void netboot.fileFor(path.replace('/ipxe/', ''), client).then((file) => send(file?.content, file?.onSent))
  })
  await new Promise<void>((resolve) => web.listen(7070, options.address, resolve))
  print({ ready: netboot.isShared })
  for await (const line of createInterface(process.stdin)) {
    const command: Command = JSON.parse(line)
    if (command.do === 'arm') netboot.arm(command.mac, command.script)
    else if (command.do === 'disarm') netboot.disarm(command.mac)
    else if (command.do === 'explain') print({ stop: explainStop(netboot.stepsOf(command.mac)) })
    else print({ heard: await hearDhcpServers({ address: command.address }) })
    print({ done: command })
  }
  await netboot[Symbol.asyncDispose]()
  web.close()
}

main().catch((error: unknown) => {
  print({ failed: describeError(error) })
  process.exit(1)
})
