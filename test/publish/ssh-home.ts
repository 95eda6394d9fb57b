// A home folder whose keys can log in to the test's own sshd.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { makeKey, type Sshd, startSshd } from '../helpers/sshd.ts'

/** An sshd with these configuration lines, and an environment that trusts it and can log in. */
export async function startSshHome(
  config: readonly string[],
): Promise<{ sshd: Sshd; env: Record<string, string>; folder: TestFolder }> {
  const folder = makeFolder()
  mkdirSync(join(folder.path, '.ssh'), { mode: 0o700 })
  const hostKey = makeKey(folder.path, 'host', 'ed25519')
  const key = makeKey(join(folder.path, '.ssh'), 'id_ed25519', 'ed25519')
  const sshd = await startSshd(folder, { hostKeys: [hostKey], authorized: [key], config })
  folder.write('.ssh/known_hosts', `[${sshd.host}]:${sshd.port} ${hostKey.line}\n`)
  onTestFinished(async () => {
    await sshd[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })
  return { sshd, folder, env: { HOME: folder.path } }
}
