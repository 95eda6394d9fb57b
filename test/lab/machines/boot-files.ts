// Files that machines boot, and a server for them.
import { createServer } from 'node:http'
import { close, listen } from '../../helpers/port.ts'

/** The answer for a path: a file, a redirect, or a status. */
export type Served = string | Buffer | { redirect: string } | number

/** A file server on loopback; `requests` records the requests, with the user agent. */
export interface FileServer extends AsyncDisposable {
  url: string
  files: Record<string, Served>
  requests: { path: string; agent: string | undefined }[]
}

/** Serves files by path, without the leading slash. */
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
  return {
    url: `http://127.0.0.1:${await listen(server)}`,
    files,
    requests,
    [Symbol.asyncDispose]: () => close(server),
  }
}

/** A boot script as metalkit writes it, for x86_64. */
export function bootScriptFor(url: string, commandLine = 'console=ttyS1,115200'): string {
  return `#!ipxe\n\ndhcp\nset base-url ${url}\nset kernel-params ip=dhcp nomodeset ro serial ${commandLine}\nkernel \${base-url}/k \${kernel-params}\ninitrd \${base-url}/i\nboot`
}
