// Completions that need a look at the disk.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Choice } from './suggest.ts'

const kernelEnding = '-kernel'

/**
 * The images and folders whose path has this prefix; `~/` is the home folder. A folder ends with a slash.
 * @returns no choices if the folder cannot be read
 */
export async function findImages(typed: string, home: string): Promise<Choice[]> {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1)
  const path = folder.startsWith('~/') ? join(home, folder.slice(1)) : folder || '.'
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  const images = entries
    .filter(({ name }) => name.endsWith(kernelEnding) && name !== kernelEnding)
    .map(({ name }) => ({ text: folder + name.slice(0, -kernelEnding.length), help: 'image' }))
  const folders = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => ({ text: `${folder}${name}/`, help: 'folder' }))
  return [...images, ...folders]
}
