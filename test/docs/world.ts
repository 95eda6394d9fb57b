// A computer on which the documents' command lines run unchanged: a lab, images, a web server, and stand-ins for programs
// that a test cannot have. Addresses and folders of the real world (/srv/www) are replaced.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { labEnvironment } from '../../src/lab/environment.ts'
import { startServer } from '../../src/serve/server.ts'
import { fakeArm64Image, fakeBzImage } from '../helpers/image.ts'
import { attendedMachines, startTestLab } from '../helpers/lab.ts'
import { createRecorder } from '../helpers/recorder.ts'
import { findFreePort } from '../helpers/port.ts'
import { program } from '../helpers/program.ts'
import { makeFolder } from '../helpers/folder.ts'
import { project } from './blocks.ts'

/** A stand-in for linuxkit build that writes its files: `linuxkit build [--arch arm64] FILE.yml`, for an example or any other file. */
const linuxkit = `#!/bin/sh
set -e
[ "$1" = build ]
kernel=$WORLD/x86_64.kernel console=ttyS1
for word; do [ "$word" = arm64 ] && kernel=$WORLD/aarch64.kernel console=ttyAMA0; name=\${word%.yml}; done
cp "$kernel" "$name-kernel"
echo initrd >"$name-initrd.img"
echo console=$console >"$name-cmdline"
`

/** The result of a block. */
export interface Outcome {
  code: number | null
  output: string
}

/** Starts this computer; `run` runs a shell script on it. */
export async function startWorld() {
  const folder = makeFolder()
  const path = (name: string) => join(folder.path, name)
  for (const name of ['bin', 'work', 'www']) mkdirSync(path(name))
  writeFileSync(path('x86_64.kernel'), fakeBzImage())
  writeFileSync(path('aarch64.kernel'), fakeArm64Image())
  const programs = { linuxkit, metalkit: `#!/bin/sh\nexec ${process.execPath} ${program} "$@"\n` }
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(path('bin'), name), text)
    chmodSync(join(path('bin'), name), 0o755)
  }
  writeFileSync(join(path('work'), 'my-test.sh'), 'metalkit ls\n')
  const lab = await startTestLab({ driver: attendedMachines() })
  const content = { kind: 'folder', path: path('www') } as const
  const web = await startServer({ listen: { host: '127.0.0.1', port: 0 }, content, report: createRecorder() })
  const env = {
    ...process.env,
    ...labEnvironment(lab),
    PATH: `${path('bin')}:${process.env['PATH']}`,
    HOME: folder.path,
    WORLD: folder.path,
    METAL_LAB_MACHINES: 'simulated',
    METAL_WAIT_FOR: 'machine is up',
    METAL_TIMEOUT: '20s',
  }
  return {
    async run(script: string): Promise<Outcome> {
      const port = await findFreePort()
      const here = script
        .replaceAll(/198\.51\.100\.7:8080|127\.0\.0\.1:8080/g, `127.0.0.1:${port}`)
        .replaceAll(/-serve :8080/g, `-serve 127.0.0.1:${port}`)
        .replaceAll('http://boot.example.com', web.url)
        .replaceAll('/srv/www', path('www'))
      const child = spawn('sh', ['-euc', here], { cwd: path('work'), env, stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
      const [code]: unknown[] = await once(child, 'close')
      return { code: typeof code === 'number' ? code : null, output: `$ ${here}\n${output}` }
    },
    /** Writes an image with a name, as linuxkit build would. */
    async build(name: string, where = 'work') {
      const { code, output } = await this.run(`cd ${path(where)} && linuxkit build ${name}.yml`)
      if (code !== 0) throw new Error(output)
    },
    project,
    async [Symbol.asyncDispose]() {
      await web[Symbol.asyncDispose]()
      await lab[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}
