import { execFileSync } from 'node:child_process'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { loadImage } from '../../src/image/image.ts'
import { arm64Image, bzImage } from './kernels.ts'
import { makeTestFolder } from '../helpers/folder.ts'

let folder = ''
beforeEach(async () => {
  folder = makeTestFolder()
})

async function write(
  name: string,
  files: { kernel?: Buffer; initrd?: string; cmdline?: string } = {},
): Promise<string> {
  const prefix = join(folder, name)
  await writeFile(`${prefix}-kernel`, files.kernel ?? bzImage)
  await writeFile(`${prefix}-initrd.img`, files.initrd ?? 'initrd')
  await writeFile(`${prefix}-cmdline`, files.cmdline ?? 'console=ttyS0\n')
  return prefix
}

describe('loadImage', () => {
  test('finds the three files by a prefix with a folder', async () => {
    const prefix = await write('linuxkit')
    expect(await loadImage(prefix)).toEqual({
      name: 'linuxkit',
      kernel: { path: `${prefix}-kernel`, size: bzImage.length },
      initrd: { path: `${prefix}-initrd.img`, size: 6 },
      cmdline: 'console=ttyS0',
      arch: 'x86_64',
      kernelCompression: undefined,
    })
  })

  test.each([
    ['a gzip kernel for arm', { kernel: gzipSync(arm64Image) }, { arch: 'aarch64', kernelCompression: 'gzip' }],
    [
      'a file that is not a kernel',
      { kernel: Buffer.from('hello') },
      { arch: undefined, kernelCompression: undefined },
    ],
    ['an empty command line', { cmdline: '' }, { cmdline: '' }],
  ])('%s', async (_, files, expected) => {
    expect(await loadImage(await write('linuxkit', files))).toMatchObject(expected)
  })

  test.each(['a', 'linuxkit-6.1', 'x_y.z~1+b,c=d:e@f'])('accepts the name %s', async (name) => {
    expect(await loadImage(await write(name))).toMatchObject({ name })
  })
})

const at = (suffix: string) => join(folder, `linuxkit${suffix}`)

describe('loadImage refuses', () => {
  const build = 'run linuxkit build --format kernel+initrd linuxkit.yml'

  test.each<[string, () => Promise<unknown>, string, string]>([
    ['a missing kernel', () => rm(at('-kernel')), 'kernel "-kernel" does not exist', `${build} first`],
    ['a missing initrd', () => rm(at('-initrd.img')), 'initrd "-initrd.img" does not exist', `${build} first`],
    [
      'a missing cmdline',
      () => rm(at('-cmdline')),
      'cmdline "-cmdline" does not exist',
      'create it with the kernel command line on one line; linuxkit build omits it if the command line is empty',
    ],
    ['an empty kernel', () => writeFile(at('-kernel'), ''), 'kernel "-kernel" is empty', 'run linuxkit build again'],
    [
      'an empty initrd',
      () => writeFile(at('-initrd.img'), ''),
      'initrd "-initrd.img" is empty',
      'run linuxkit build again',
    ],
    [
      'a folder',
      async () => {
        await rm(at('-initrd.img'))
        await mkdir(at('-initrd.img'))
      },
      'initrd "-initrd.img" is a folder',
      'pass the prefix of the files that linuxkit build wrote',
    ],
    [
      'a pipe',
      async () => {
        await rm(at('-kernel'))
        execFileSync('mkfifo', [at('-kernel')])
      },
      'kernel "-kernel" is not a regular file',
      'pass the prefix of the files that linuxkit build wrote',
    ],
    [
      'a link to itself',
      async () => {
        await rm(at('-kernel'))
        await symlink('linuxkit-kernel', at('-kernel'))
      },
      'kernel "-kernel" cannot be read: too many symbolic links encountered',
      'check the path and its permissions',
    ],
    [
      'a cmdline of two lines',
      () => writeFile(at('-cmdline'), 'a\nb\n'),
      'cmdline "-cmdline" has a newline at character 2, which would end the line in the iPXE script',
      'write it as one line',
    ],
  ])('%s', async (_, spoil, message, hint) => {
    const prefix = await write('linuxkit')
    await spoil()
    await expect(loadImage(prefix)).rejects.toMatchObject({
      name: 'ImageError',
      message: message.replace('"-', `"${prefix}-`),
      hint: hint.replace('".."', `"${folder}"`),
    })
  })

  test('a missing image, and lists the existing ones', async () => {
    for (const name of ['demo', 'alpine', 'b1', 'b2', 'b3', 'b4']) await write(name)
    await writeFile(join(folder, 'half-kernel'), 'x')
    await expect(loadImage(join(folder, 'linuxkit'))).rejects.toMatchObject({
      message: `kernel "${folder}/linuxkit-kernel" does not exist`,
      hint: `found alpine, b1, b2, b3, b4 and 1 more in "${folder}"; or ${build}`,
    })
  })

  test.each([
    ['linuxkit', 'linuxkit.iso', 'iso-bios or kernel+iso'],
    ['linuxkit', 'linuxkit-efi.iso', 'iso-efi'],
    ['linuxkit', 'linuxkit-bios.img', 'raw-bios'],
    ['linuxkit.raw', 'linuxkit.raw', 'aws'],
    ['linuxkit-efi.qcow2', 'linuxkit-efi.qcow2', 'qcow2-efi'],
    ['linuxkit.img.tar.gz', 'linuxkit.img.tar.gz', 'gcp'],
    ['linuxkit.tar', 'linuxkit.tar', 'tar or rpi3'],
  ])('%s where linuxkit build wrote %s', async (name, file, format) => {
    await write('demo')
    await writeFile(join(folder, file), 'x')
    await expect(loadImage(join(folder, name))).rejects.toMatchObject({
      message: `kernel "${folder}/${name}-kernel" does not exist`,
      hint: `"${file}" was written by --format ${format}, which iPXE cannot boot; ${build}`,
    })
  })

  test('a kernel and a squashfs', async () => {
    const prefix = await write('linuxkit')
    await rm(at('-initrd.img'))
    await writeFile(at('-squashfs.img'), 'x')
    await expect(loadImage(prefix)).rejects.toMatchObject({
      message: `initrd "${prefix}-initrd.img" does not exist`,
      hint: `"linuxkit-squashfs.img" was written by --format kernel+squashfs, which iPXE cannot boot; ${build}`,
    })
  })

  test('an image in a missing folder', async () => {
    await expect(loadImage(join(folder, 'no/linuxkit'))).rejects.toMatchObject({
      message: `kernel "${folder}/no/linuxkit-kernel" does not exist`,
      hint: `${build} first`,
    })
  })

  test.each([
    ['./out/', 'image name "./out/" names no files'],
    ['', 'image name "" names no files'],
    ['a b', 'image name "a b" has a character that URLs or iPXE would not preserve (" ")'],
    ['a\nb', 'image name "a\\nb" has a character that URLs or iPXE would not preserve ("\\n")'],
    ['x/a#b', 'image name "x/a#b" has a character that URLs or iPXE would not preserve ("#")'],
    ['a?b', 'image name "a?b" has a character that URLs or iPXE would not preserve ("?")'],
    ['a%20b', 'image name "a%20b" has a character that URLs or iPXE would not preserve ("%")'],
    ['a&b', 'image name "a&b" has a character that URLs or iPXE would not preserve ("&")'],
    ['${x}', 'image name "${x}" has a character that URLs or iPXE would not preserve ("$")'],
    ['a\\b', 'image name "a\\\\b" has a character that URLs or iPXE would not preserve ("\\\\")'],
    ['zo\u00eb', 'image name "zo\u00eb" has a character that URLs or iPXE would not preserve ("\u00eb")'],
  ])('the name %j', async (prefix, message) => {
    await expect(loadImage(prefix)).rejects.toMatchObject({ name: 'ImageError', message })
  })
})
