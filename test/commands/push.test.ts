import { arch as nodeArch } from 'node:os'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { makeArchive } from '../image/archives.ts'
import { makeTestFolder } from '../helpers/folder.ts'
import { arm64Image, bzImage } from '../image/kernels.ts'
import { runToEnd } from '../helpers/io.ts'

const archive = makeArchive({ init: 'hello' })
let folder = ''
let out = ''

beforeEach(async () => {
  folder = makeTestFolder()
  out = join(folder, 'out')
  await write('linuxkit', bzImage)
  await write('arm', gzipSync(arm64Image))
})

async function write(name: string, kernel: Buffer): Promise<void> {
  await writeFile(join(folder, `${name}-kernel`), kernel)
  await writeFile(join(folder, `${name}-initrd.img`), gzipSync(archive))
  await writeFile(join(folder, `${name}-cmdline`), 'console=ttyS1,115200 quiet\n')
}

const push = (name: string, ...flags: string[]) =>
  runToEnd([
    'push',
    'equinixmetal',
    '-base-url',
    'http://boot.example.com',
    '-destination',
    out,
    ...flags,
    join(folder, name),
  ])
const read = (name: string) => readFile(join(out, name))

describe('push', () => {
  test('copies an x86_64 image unchanged and says what to do next', async () => {
    const { code, stdout, stderr } = await push('linuxkit')
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr.split('\n')).toEqual([
      'linuxkit-kernel  20.0 kB',
      `linuxkit-initrd.img  ${gzipSync(archive).length} bytes`,
      expect.stringMatching(/^linuxkit\.json  \d+ bytes$/),
      'linuxkit-equinixmetal.ipxe  219 bytes',
      `pushed to ${out} for x86_64; next: metalkit serve ${out}`,
      'check: metalkit verify http://boot.example.com linuxkit',
      `and: metalkit run equinixmetal -base-url http://boot.example.com ${folder}/linuxkit`,
      '',
    ])
    expect(await readdir(out)).toEqual([
      'linuxkit-equinixmetal.ipxe',
      'linuxkit-initrd.img',
      'linuxkit-kernel',
      'linuxkit.json',
    ])
    expect(await read('linuxkit-equinixmetal.ipxe')).toEqual(
      await readFile(new URL('../fixtures/golden/x86_64-ttyS1.ipxe', import.meta.url)),
    )
    expect(await read('linuxkit-initrd.img')).toEqual(gzipSync(archive))
  })

  test.each([
    ['quiet #debug', 'a word that begins with "#" at character 7'],
    ['a ; b', 'the word ";" at character 3'],
    ['quiet \\', 'a "\\" at character 7'],
    [`x=${'y'.repeat(2050)}`, 'is 2101 bytes long'],
  ])('writes nothing of an image whose command line is %.10j', async (cmdline, what) => {
    await writeFile(join(folder, 'linuxkit-cmdline'), cmdline)
    const { code, stderr } = await push('linuxkit')
    expect([code, stderr]).toEqual([5, expect.stringContaining(what)])
    await expect(readdir(out)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('decompresses an aarch64 image by default', async () => {
    const { code, stderr } = await push('arm')
    expect(code).toBe(0)
    expect(stderr).toContain('arm-kernel  20.0 kB, decompressed\n')
    expect(stderr).toContain('and: metalkit run equinixmetal -machine c3.large.arm64 -base-url http://boot.example.com')
    expect((await read('arm-kernel')).equals(arm64Image)).toBe(true)
    expect((await read('arm-initrd.img')).equals(archive)).toBe(true)
    expect((await read('arm-equinixmetal.ipxe')).toString()).toContain(
      'initrd --name initrd ${base-url}/arm-initrd.img',
    )
  })

  test.each([
    ['linuxkit', ['-decompress'], true],
    ['linuxkit', ['--decompress=t'], true],
    ['linuxkit', ['-decompress', '-decompress=f'], false],
    ['arm', ['--decompress=f'], false],
  ])('%s with %j: initrd decompressed is %s', async (name, flags, expected) => {
    expect((await push(name, ...flags)).code).toBe(0)
    expect((await read(`${name}-initrd.img`)).equals(archive)).toBe(expected)
  })

  test('warns of a gzip kernel that iPXE on aarch64 cannot load', async () => {
    expect((await push('arm', '--decompress=f')).stderr).toContain(
      `warning: "${folder}/arm-kernel" is gzip, which iPXE on aarch64 cannot load; omit --decompress=false\n`,
    )
    expect((await push('arm')).stderr).not.toContain('warning')
  })

  test("warns if the kernel is not one, and uses --arch or this computer's architecture", async () => {
    await writeFile(join(folder, 'linuxkit-kernel'), 'kernel')
    const host = nodeArch() === 'arm64' ? 'aarch64' : 'x86_64'
    for (const [flags, arch] of [
      [[], host],
      [['-arch', 'aarch64'], 'aarch64'],
      [['-arch', 'x86_64'], 'x86_64'],
    ] as const) {
      const { stderr } = await push('linuxkit', ...flags)
      expect(stderr).toContain(
        `warning: "${folder}/linuxkit-kernel" does not look like a kernel; the script is for ${arch}\n`,
      )
      expect((await read('linuxkit-equinixmetal.ipxe')).includes('root=/dev/ram0')).toBe(arch === 'aarch64')
    }
  })

  test('names the port of the base URL for serve', async () => {
    const ported = join(folder, 'ported')
    const args = ['push', 'equinixmetal', '-destination', ported, join(folder, 'linuxkit')]
    const { stderr } = await runToEnd([...args, '-base-url', 'http://192.0.2.7:9000'])
    expect(stderr).toContain(`next: metalkit serve --port :9000 ${ported}\n`)
  })

  test('takes a file: URL, and --img-name before the argument', async () => {
    await mkdir(join(folder, 'a b'))
    const url = pathToFileURL(join(folder, 'a b')).href
    const { code, stderr } = await push('nothing', '-destination', url, '-img-name', join(folder, 'arm'))
    expect(code).toBe(0)
    expect(stderr).toContain(`next: metalkit serve '${folder}/a b'\n`)
    expect(await readdir(join(folder, 'a b'))).toEqual([
      'arm-equinixmetal.ipxe',
      'arm-initrd.img',
      'arm-kernel',
      'arm.json',
    ])
  })

  test('is called equinixmetal without a name', async () => {
    const { code, stderr } = await runToEnd(['push', 'equinixmetal', '-base-url', 'http://x', '-destination', out])
    expect(code).toBe(5)
    expect(stderr).toMatch(/^metalkit: image: kernel "equinixmetal-kernel" does not exist; /)
  })

  test('lists the files that --decompress left unchanged', async () => {
    const { stderr } = await push('linuxkit', '-decompress')
    expect(stderr).toContain('linuxkit-kernel  20.0 kB, unchanged (not compressed)\n')
    expect(stderr).toContain(`linuxkit-initrd.img  ${archive.length} bytes, decompressed\n`)
    expect(stderr).toContain('linuxkit-equinixmetal.ipxe  219 bytes\n')
  })

  test('lists unchanged files, and in a dry run the files that would be written', async () => {
    await push('linuxkit')
    const { stderr } = await push('linuxkit')
    expect(stderr).toContain('linuxkit-kernel  20.0 kB, unchanged\n')
    expect(stderr).toContain('linuxkit-equinixmetal.ipxe  219 bytes, unchanged\n')
    expect((await push('linuxkit', '-decompress', '-dry-run')).stderr.split('\n')).toEqual([
      'linuxkit-kernel  decompressed, would be written',
      'linuxkit-initrd.img  decompressed, would be written',
      expect.stringMatching(/^linuxkit\.json  \d+ bytes, would be written$/),
      'linuxkit-equinixmetal.ipxe  219 bytes, unchanged',
      `nothing was written to ${out} (--dry-run)`,
      '',
    ])
    expect(await read('linuxkit-initrd.img')).toEqual(gzipSync(archive))
  })

  test('prints nothing with -q', async () => {
    expect(await push('linuxkit', '-q')).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})

describe('push refuses', () => {
  test.each([
    [
      'a missing image',
      'none',
      [],
      5,
      'image: kernel "DIR/none-kernel" does not exist; found arm, linuxkit in "DIR"; or run linuxkit build --format kernel+initrd none.yml',
    ],
    [
      'another architecture',
      'arm',
      ['-arch', 'x86_64'],
      5,
      'image: kernel "DIR/arm-kernel" is for aarch64, not for x86_64; omit --arch, or push an image built for x86_64',
    ],
    [
      'a base URL with white space',
      'linuxkit',
      ['-base-url', 'http://x/a b'],
      2,
      'usage: --base-url "http://x/a b" contains white space, which would end the line in the iPXE script; write it as http://host[:port]/path',
    ],
    [
      'an unknown scheme',
      'linuxkit',
      ['-destination', 'ftp://host'],
      2,
      'usage: --destination "ftp://host" has an unknown scheme (ftp:); use a path, or a file:, sftp: or s3: URL (a path with a colon in its first part begins with ./)',
    ],
    [
      'an unknown architecture',
      'linuxkit',
      ['-arch', 'riscv'],
      2,
      'usage: --arch "riscv" is not a valid choice; choose one of x86_64, aarch64',
    ],
  ])('%s', async (_, name, flags, code, line) => {
    expect(await push(name, ...flags)).toEqual({
      code,
      stdout: '',
      stderr: `metalkit: ${line.replaceAll('DIR', folder)}\n`,
    })
    expect(await readdir(folder)).not.toContain('out')
  })

  test('a damaged gzip', async () => {
    await writeFile(join(folder, 'linuxkit-initrd.img'), gzipSync(archive).subarray(0, -3))
    expect(await push('linuxkit', '-decompress')).toEqual({
      code: 5,
      stdout: '',
      stderr: `metalkit: image: "${folder}/linuxkit-initrd.img" is truncated: the gzip data at offset 0 ends too early; build or copy it again\n`,
    })
    expect(await readdir(out)).toEqual([])
  })

  test('a missing base URL', async () => {
    const { code, stderr } = await runToEnd(['push', 'equinixmetal', join(folder, 'linuxkit')])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^metalkit: usage: no base-url is given; set --base-url or METAL_BASE_URL/)
  })
})
