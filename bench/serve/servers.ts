// The servers that are compared, each started on a free port over one folder.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { dataFolder } from '../frame/data.ts'
import { buildGo } from '../frame/go.ts'
import { cleanEnv, findProgram, metalkit, stop } from '../frame/program.ts'

/** A way to serve a folder; `start` is undefined if its program is not installed. */
export interface ServerKind {
  name: string
  command?: (folder: string, port: number) => readonly [string, ...string[]]
}

/** A running server; disposing it ends it. */
export interface RunningServer extends AsyncDisposable {
  port: number
  pid: number
}

const goSource = `package main

import (
	"net/http"
	"os"
)

func main() {
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[2], http.FileServer(http.Dir(os.Args[1]))))
}
`

const sendSource = `const [folder, port] = process.argv.slice(2)
const send = require('send')
require('http').createServer((request, response) => send(request, request.url, { root: folder }).pipe(response)).listen(Number(port), '127.0.0.1')
`

const sirvSource = `const [folder, port] = process.argv.slice(2)
const serve = require('sirv')(folder, { dev: true, etag: true })
require('http').createServer((request, response) => serve(request, response)).listen(Number(port), '127.0.0.1')
`

/** Installs packages from the registry in a folder of their own, since peers are not dependencies. @returns whether that worked */
function installPackages(folder: string, names: readonly string[]): boolean {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  if (names.every((name) => existsSync(join(folder, 'node_modules', name)))) return true
  try {
    execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', ...names], { cwd: folder, stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** nginx as one process with sendfile, otherwise with its defaults. */
function nginxCommand(nginx: string): (folder: string, port: number) => readonly [string, ...string[]] {
  return (folder, port) => {
    const prefix = join(dataFolder, 'nginx')
    mkdirSync(prefix, { recursive: true })
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    writeFileSync(
      join(prefix, 'nginx.conf'),
      `daemon off; master_process off; pid ${prefix}/pid; error_log ${prefix}/error.log;
events { worker_connections 4096; }
http {
  sendfile on; tcp_nopush on; access_log ${prefix}/access.log; keepalive_requests 1000000000;
  ${temporary.map((name) => `${name}_temp_path ${prefix}/${name};`).join(' ')}
  server { listen 127.0.0.1:${port} backlog=4096; root ${folder}; }
}
`,
    )
    return [nginx, '-p', prefix, '-c', join(prefix, 'nginx.conf'), '-e', join(prefix, 'error.log')]
  }
}

/** All servers. nginx is the reference for the others. */
export function listServers(): ServerKind[] {
  const nginx = findProgram('nginx')
  const go = buildGo('fileserver', goSource)
  const packages = join(dataFolder, 'packages')
  const installed = installPackages(packages, ['send', 'sirv'])
  const script = (name: string, source: string): ServerKind => {
    if (!installed) return { name }
    writeFileSync(join(packages, `${name}.cjs`), source)
    return {
      name,
      command: (folder, port) => [process.execPath, join(packages, `${name}.cjs`), folder, String(port)],
    }
  }
  return [
    {
      name: 'metalkit',
      command: (folder, port) => [process.execPath, metalkit, 'serve', '-port', `127.0.0.1:${port}`, folder],
    },
    { name: 'nginx', ...(nginx && { command: nginxCommand(nginx) }) },
    { name: 'Go', ...(go && { command: (folder: string, port: number) => [go, folder, String(port)] as const }) },
    script('send', sendSource),
    script('sirv', sirvSource),
  ]
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

/** Waits until a server accepts connections. */
async function isUp(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended at its start`)
    const socket = connect(port, '127.0.0.1')
    const up = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (up) return
    await sleep(20)
  }
}

/** Starts a server over a folder. */
export async function startServer(command: NonNullable<ServerKind['command']>, folder: string): Promise<RunningServer> {
  const port = await findFreePort()
  const [program, ...args] = command(folder, port)
  // Every server writes a log, to a file that nobody reads.
  const child = spawn(program, args, { stdio: 'ignore', env: cleanEnv() })
  await isUp(port, child)
  return { port, pid: child.pid ?? 0, [Symbol.asyncDispose]: () => stop(child) }
}
