// One lab at a time for one state: a locked file that names the process.
import { link, open, readFile, rename, rm } from 'node:fs/promises'

import { errorCode, LabError } from '../../errors.ts'
import { tryLock } from './file-lock.ts'
import { findProcess, nameProcess } from './process-name.ts'
import { nameFlag } from './running-labs.ts'

/** Takes away a lock whose process is gone, unless another lab has replaced it in the meantime. */
async function breakLock(path: string, own: string, stale: string): Promise<void> {
  const aside = `${own}.stale`
  await rename(path, aside).catch(() => {})
  const found = await readFile(aside, 'utf8').catch(() => stale)
  if (found !== stale) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

/**
 * Takes the lock in the file `path`; disposing it gives it back. That of a process that was killed does not count.
 * @throws LabError naming the process that has it
 */
export async function lockState(path: string, name: string): Promise<AsyncDisposable> {
  const attempt = await tryLock(path)
  if (attempt.state === 'unknown') return await claimState(path, name)
  if (attempt.state === 'held') {
    const holder = await findProcess(await readFile(path, 'utf8').catch(() => ''))
    throw runsAlready(name, holder === undefined ? 'in another container' : `as process ${holder}`)
  }
  const { file } = attempt
  await file.truncate()
  await file.writeFile(await nameProcess(process.pid))
  return { [Symbol.asyncDispose]: () => file.close() }
}

function runsAlready(name: string, where: string): LabError {
  return new LabError(`a lab named "${name}" runs already, ${where}`, {
    hint: `use it with metalkit lab env${nameFlag(name)}, or give this one another --name`,
  })
}

/** The same by process numbers, for computers without flock: it does not hold across containers. */
async function claimState(path: string, name: string): Promise<AsyncDisposable> {
  // What tryLock has made is nobody's.
  await breakLock(path, `${path}.${process.pid}`, '')
  const own = `${path}.${process.pid}`
  // What a process with this number left behind, or a link that somebody put there, is not written to.
  await rm(own, { force: true })
  const file = await open(own, 'wx', 0o600)
  try {
    await file.writeFile(await nameProcess(process.pid))
  } finally {
    await file.close()
  }
  try {
    for (;;) {
      try {
        await link(own, path)
        break
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error
      }
      const text = await readFile(path, 'utf8').catch(() => '')
      const holder = await findProcess(text)
      if (holder !== undefined) throw runsAlready(name, `as process ${holder}`)
      await breakLock(path, own, text)
    }
  } finally {
    await rm(own, { force: true })
  }
  return {
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true })
    },
  }
}
