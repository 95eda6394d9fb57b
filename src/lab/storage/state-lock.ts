// Lets only one lab at a time use a state.
import { LabError } from '../../errors.ts'
import { tryLock } from './file-lock.ts'
import { nameFlag } from './running-labs.ts'

/**
 * Takes the lock in the file `path`; disposing releases it. The lock of a killed process does not count.
 * @throws LabError that names the process holding it
 */
export async function lockState(path: string, name: string): Promise<AsyncDisposable> {
  const attempt = await tryLock(path)
  if (attempt.state === 'locked') return attempt
  const where = attempt.holder === undefined ? 'in another container' : `as process ${attempt.holder}`
  throw new LabError(`a lab named "${name}" runs already, ${where}`, {
    hint: `to use it, run: eval "$(metalkit lab env${nameFlag(name)})"; or give this one another --name`,
  })
}
