// Files that machines boot, and a server for them.
import { createServer } from 'node:http'

/** The first bytes of a bzImage and nothing else. */
export function fakeBzImage(): Buffer {
  const kernel = Buffer.alloc(4096)
  kernel.writeUInt16LE(0xaa55, 0x1fe)
  kernel.write('HdrS', 0x202)
  return kernel
}

/** The first bytes of an arm64 Image and nothing else. */
export function fakeArm64Image(): Buffer {
  const kernel = Buffer.alloc(4096)
  kernel.write('ARM\u0064', 56)
  return kernel
}

/** What a path answers: a file, a redirect, or a status. */
export type Served = string | Buffer | { redirect: string } | number

/** A server of files on loopback; `requests` are what was asked, with the user agent. */
export interface FileServer extends AsyncDisposable {
  url: string
  files: Record<string, Served>
  requests: { path: string; agent: string | undefined }[]
}

/** Serves files by path, without the slash at the front. */
export async function serveFiles(files: Record<string, Served>): Promise<FileServer> {
  const requests: FileServer['requests'] = []
  const server = createServer((request, response) => {
    const path = (request.url ?? '').slice(1)
    requests.push({ path, agent: request.headers['user-agent'] })
    const served = files[path] ?? 404
    if (typeof served === 'number') response.writeHead(served).end('no')
    else if (typeof served === 'object' && 'redirect' in served) {
      response.writeHead(302, { location: served.redirect }).end()
    } else response.writeHead(200, { 'content-length': Buffer.byteLength(served) }).end(served)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${String(port)}`,
    files,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => {
        server.close(resolve)
      })
      server.closeAllConnections()
      await closed
    },
  }
}

/** A boot script as metalkit writes it, for x86_64. */
export function bootScriptFor(url: string, commandLine = 'console=ttyS1,115200'): string {
  return `#!ipxe\n\ndhcp\nset base-url ${url}\nset kernel-params ip=dhcp nomodeset ro serial ${commandLine}\nkernel \${base-url}/k \${kernel-params}\ninitrd \${base-url}/i\nboot`
}
