// A user's whole session with each cloud, by the built program on machines of QEMU: real iPXE boots Linux by that cloud's script,
// and its shell answers on that cloud's console.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makeTestFolder } from '../../helpers/folder.ts'
import { needs } from '../../helpers/needs.ts'
import { findFreePort } from '../../helpers/port.ts'
import { program } from '../../helpers/program.ts'
import { callSigned, readProfile } from '../../lab/oci/oci-lab.ts'
import { linuxSays, makeLinuxImage, needsKernel } from '../../rack/netboot/linux.ts'

interface Row {
  cloud: string
  idForm: RegExp
  /** What doctor says about the first parts of the account. */
  healthy: RegExp
  /** What boots a kept machine again without a question, and how that is said. */
  again: readonly string[]
  booting: RegExp
  /** The consoles that the cloud counts while one is attached: Oracle has ten for a tenancy. */
  counted: number
}

const rows: Row[] = [
  {
    cloud: 'equinixmetal',
    idForm: /^[0-9a-f-]{36}$/,
    healthy: /^ok +token .*\nok +project /m,
    again: [],
    booting: /^Rebooting /m,
    counted: 0,
  },
  {
    cloud: 'latitude',
    idForm: /^sv_/,
    healthy: /^ok +token .*\nok +project /m,
    again: ['-yes'],
    booting: /^Reinstalling \S+, which erases its disks/m,
    counted: 0,
  },
  {
    cloud: 'oci',
    idForm: /^ocid1\.instance\./,
    healthy: /^ok +profile .*\nok +compartment /m,
    again: [],
    booting: /^Resetting /m,
    counted: 1,
  },
]

/** Starts the program, which the end of the test interrupts. */
function start(args: readonly string[], env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk) => (said.out += String(chunk)))
  child.stderr.on('data', (chunk) => (said.err += String(chunk)))
  child.stdin.on('error', () => {})
  const code = once(child, 'close').then(([status]: unknown[]) => status)
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await code
  })
  return { child, said, code }
}

const ofClouds = /^(?:METAL|PACKET|LATITUDESH|OCI)_/

/** The environment of the tests without clouds of the user's own. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofClouds.test(name)))
}

/** The processes of a lab's machines: QEMU is named after its lab's process. */
function machinesOf(lab: number | undefined): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const line = /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : ''
      return line.startsWith('qemu-system') && line.includes(`@${lab}.`)
    } catch {
      return false
    }
  })
}

/** The number of console connections in an Oracle lab, those that are being deleted not counted; 0 in another. */
async function countConsoles(env: NodeJS.ProcessEnv): Promise<number> {
  if (env['OCI_CLI_CONFIG_FILE'] === undefined) return 0
  const path = `/20160918/instanceConsoleConnections?compartmentId=${env['METAL_OCI_COMPARTMENT']}`
  const profile = readProfile(env['OCI_CLI_CONFIG_FILE'])
  const { json } = await callSigned(env['METAL_OCI_API_URL'] ?? '', profile, 'GET', path)
  return json.filter(({ lifecycleState }: { lifecycleState: string }) => !lifecycleState.startsWith('DELET')).length
}

const skip = needs('qemu-system-x86_64', 'cpio').skip || needsKernel().skip

describe('a session', { skip, timeout: 600_000 }, () => {
  test.each(rows)('with $cloud', async ({ cloud, idForm, healthy, again, booting, counted }) => {
    const folder = makeTestFolder()
    // Linux has one console: the one that the cloud's script names.
    const image = makeLinuxImage(folder, '')
    const script = `linux-${cloud}.ipxe`
    // The lab tells this test its command's environment, and ends when its input does.
    const tell = 'console.log(JSON.stringify(process.env)); process.stdin.resume()'
    const machines = ['-machines', 'qemu', '-accelerator', 'tcg', '-port', '0']
    const lab = start(['lab', '-cloud', cloud, ...machines, '--', process.execPath, '-e', tell], {
      ...cleanEnvironment(),
      HOME: folder,
      XDG_STATE_HOME: join(folder, 'state'),
    })
    await expect.poll(() => lab.said.out + lab.said.err).toMatch(/^\{.*\}$/m)
    const env: NodeJS.ProcessEnv = JSON.parse(lab.said.out)

    const metalkit = async (...args: string[]) => {
      const { child, said, code } = start(args, env)
      child.stdin.end()
      const status = await code
      expect([status, status === 0 ? '' : said], args.join(' ')).toEqual([0, ''])
      return said
    }
    /** Types a command on a machine's console, again and again as Linux may still be booting, until it answers; then interrupts. */
    const ask = async (id: string, command: string, answer: string) => {
      const { child, said, code } = start(['console', id], env)
      const type = () => {
        child.stdin.write(`${command}\r`)
        return said.out
      }
      await expect.poll(type, { interval: 500, timeout: 120_000 }).toContain(answer)
      expect(await countConsoles(env)).toBe(counted)
      child.kill('SIGINT')
      expect(await code, said.err).toBe(130)
      expect(await countConsoles(env)).toBe(0)
    }
    const list = async (): Promise<unknown[]> => {
      const { out } = await metalkit('ls', '-json')
      return out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
    }
    const address = `127.0.0.1:${await findFreePort()}`
    const run = ['run', cloud, '-serve', address, '-base-url', `http://${address}`, '-timeout', '4m']

    expect((await metalkit('doctor', cloud)).out).toMatch(healthy)

    const kept = await metalkit(...run, '-keep', '-json', '-wait-for', linuxSays, image)
    const lines = kept.out.trimEnd().split('\n')
    const events = lines.map((line): { event: string; id?: string } => JSON.parse(line))
    const id = events.find(({ event }) => event === 'machine-created')?.id ?? ''
    expect(id).toMatch(idForm)
    const names = events.map(({ event }) => event)
    expect(names).toEqual(expect.arrayContaining(['console-attached', 'matched', 'machine-kept']))
    expect(names).not.toContain('machine-deleted')
    expect(kept.err).toContain(`GET /${script} 200`)
    expect(await list()).toMatchObject([{ id, cloud }])
    expect((await metalkit('ls')).out).toContain(`\n${id} `)
    expect(machinesOf(lab.child.pid)).toHaveLength(1)
    expect(await countConsoles(env)).toBe(0)

    // The same Linux still runs: its shell answers, and remembers that it did.
    await ask(id, 'echo >/seen; echo sum $((40+2))', 'sum 42')

    // Nobody watches how it boots again: that is another Linux.
    const unwatched = start([...run, '-device', id, ...again, '-console=false', image], env)
    await expect.poll(() => unwatched.said.err, { timeout: 120_000 }).toContain('GET /linux-initrd.img 200')
    unwatched.child.kill('SIGINT')
    expect([await unwatched.code, unwatched.said.err]).toEqual([0, expect.stringMatching(booting)])
    expect(unwatched.said.err).toContain(`GET /${script} 200`)
    expect(unwatched.said.err).toContain(`Delete it: metalkit rm ${id}`)
    await ask(id, '[ -e /seen ] || echo new $((40+3))', 'new 43')

    expect((await metalkit('rm', '-older-than', '1h', '-yes')).err).toContain('No machine is that old.')
    expect(await list()).toMatchObject([{ id }])
    expect((await metalkit('rm', '-older-than', '0s', '-yes')).err).toContain(`The machine ${id} is deleted.`)
    expect(await list()).toEqual([])
    await expect.poll(() => machinesOf(lab.child.pid)).toEqual([])

    const given = await metalkit(...run, '-wait-for', linuxSays, image)
    expect(given.out).toContain(linuxSays)
    expect(given.err).toMatch(/^The machine \S+ is deleted\.$/m)
    expect(await list()).toEqual([])
    expect(await countConsoles(env)).toBe(0)
    await expect.poll(() => machinesOf(lab.child.pid)).toEqual([])

    lab.child.stdin.end()
    expect([await lab.code, lab.said.err]).toEqual([0, expect.anything()])
  })
})
