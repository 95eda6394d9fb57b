// One lab at a time for one state.
import { LabError } from '../../errors.ts'
import { tryLock } from './file-lock.ts'
import { nameFlag } from './running-labs.ts'

/**
 * Takes the lock in the file `path`; disposing it gives it back. That of a process that was killed does not count.
 * @throws LabError naming the process that has it
 */
export async function lockState(path: string, name: string): Promise<AsyncDisposable> {
  const attempt = await tryLock(path)
  if (attempt.state === 'locked') return attempt
  const where = attempt.holder === undefined ? 'in another container' : `as process ${attempt.holder}`
  throw new LabError(`a lab named "${name}" runs already, ${where}`, {
    hint: `use it with metalkit lab env${nameFlag(name)}, or give this one another --name`,
  })
}
