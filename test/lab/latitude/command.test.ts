import { spawnSync } from 'node:child_process'

import { describe, expect, test } from 'vitest'

import { makeFolder } from '../../helpers/folder.ts'
import { needs } from '../../helpers/needs.ts'
import { program } from '../../helpers/program.ts'

/** Runs the built program to its end. */
function metalkit(args: readonly string[], env: Record<string, string>) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], METAL_LAB_MACHINES: 'simulated', ...env },
    timeout: 60_000,
  })
  return { status, stdout, stderr }
}

/** The variables that name the lab. */
const variables = ['API_URL', 'AUTH_TOKEN', 'PROJECT', 'SITE', 'PLAN'].map((name) => `LATITUDESH_${name}`)

describe('lab --cloud latitude', needs('curl'), () => {
  test('gives its command the variables of Latitude.sh, and no others', () => {
    using folder = makeFolder()
    const words =
      'curl -sSf -H "Authorization: Bearer $LATITUDESH_AUTH_TOKEN" "$LATITUDESH_API_URL/projects"; echo; env'
    const { status, stdout } = metalkit(['lab', '--', 'sh', '-c', words], {
      XDG_STATE_HOME: folder.path,
      METAL_LAB_CLOUD: 'latitude',
    })
    expect(status).toBe(0)
    const [projects = '', ...env] = stdout.split('\n')
    const named = new Map(env.map((line): [string, string] => [line.replace(/=.*/, ''), line.replace(/^\w+=/, '')]))
    expect(JSON.parse(projects)).toMatchObject({ data: [{ id: named.get('LATITUDESH_PROJECT'), type: 'projects' }] })
    const own = [...named.keys()].filter((name) => /^(METAL|LATITUDESH)_(?!LAB_(CLOUD|MACHINES))/.test(name))
    expect(own.toSorted()).toEqual(
      [...variables, 'METAL_IDENTITY', 'METAL_KNOWN_HOSTS', 'METAL_LAB_TEMPORARY'].toSorted(),
    )
    expect(named.get('METAL_LAB_TEMPORARY')).toBe(named.get('LATITUDESH_API_URL'))
  })

  test('runs in the background: env, status and a restart, with this cloud only', () => {
    using folder = makeFolder()
    const env = { XDG_STATE_HOME: folder.path }
    const background = ['lab', '-d', '--name', 'sh', '--cloud', 'latitude']
    const create =
      'curl -sSf -H "Authorization: $LATITUDESH_AUTH_TOKEN" -H "Content-Type: application/vnd.api+json" "$LATITUDESH_API_URL/servers" -d "{\\"data\\":{\\"type\\":\\"servers\\",\\"attributes\\":{\\"project\\":\\"lab\\",\\"plan\\":\\"c3-small-x86\\",\\"site\\":\\"NYC\\",\\"operating_system\\":\\"ipxe\\",\\"ipxe\\":\\"http://127.0.0.1:9/\\",\\"billing\\":\\"hourly\\",\\"hostname\\":\\"kept\\"}}}"'
    const ask = (words: string) => {
      const { stdout } = metalkit(['lab', 'env', '--name', 'sh'], env)
      expect([...stdout.matchAll(/^export (LATITUDESH_\w+)=/gm)].map(([, name]) => name)).toEqual(variables)
      const { stdout: answer } = spawnSync('sh', ['-c', `${stdout}\n${words}`], { encoding: 'utf8' })
      const json: { data: { id: string } } = JSON.parse(answer)
      return json
    }
    try {
      expect(metalkit(background, env)).toMatchObject({
        status: 0,
        stderr: expect.stringContaining('console   ssh -p'),
      })
      const { id } = ask(create).data
      expect(metalkit(['lab', 'status'], env).stdout).toMatch(/^sh .* http:\/\/127\.0\.0\.1:\d+ +1 \(1 \w+\)$/m)
      metalkit(['lab', 'stop', '--name', 'sh'], env)
      const other = metalkit(['lab', '-d', '--name', 'sh', '--cloud', 'equinixmetal'], env)
      expect(other.status).not.toBe(0)
      expect(other.stderr).toContain('it is of a lab with --cloud latitude')
      expect(metalkit(background, env).status).toBe(0)
      const get = `curl -sSf -H "Authorization: $LATITUDESH_AUTH_TOKEN" "$LATITUDESH_API_URL/servers/${id}"`
      expect(ask(get).data).toMatchObject({ id, attributes: { hostname: 'kept', region: { site: { slug: 'NYC' } } } })
    } finally {
      metalkit(['lab', 'stop', '--name', 'sh'], env)
    }
  })

  test('has no facilities', () => {
    expect(metalkit(['lab', '--cloud', 'latitude', '--facilities', '--', 'true'], {})).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--facilities is not for --cloud latitude'),
    })
  })
})
