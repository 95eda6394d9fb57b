// Tests with real programs: if one is missing, a test that needs it is skipped with its reason, except in CI, where it fails.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { delimiter, join } from 'node:path'

/** The path of a program, or undefined. It searches sbin too: Debian keeps sshd and nginx there. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

/** A Python that has a module, or undefined. The first Python in the PATH may not be Debian's. */
export function findPython(module: string): string | undefined {
  const has = (python: string) => spawnSync(python, ['-c', `import ${module}`]).status === 0
  return ['python3', '/usr/bin/python3'].find(has)
}

/**
 * Options for `describe` or `test`: `describe('…', needs('sshd'), () => …)`.
 * The reason is printed once if the test is skipped.
 */
export function needs(...programs: string[]): { skip: boolean } {
  return skipWithout(programs.filter((program) => findProgram(program) === undefined))
}

/** The same for a Python module. */
export function needsPython(module: string): { skip: boolean } {
  return skipWithout(findPython(module) === undefined ? [`Python's ${module}`] : [])
}

/** The same for a mount in a namespace, which unprivileged containers may not create: `ro` or `tmpfs`. */
export function needsMountOf(kind: 'ro' | 'tmpfs'): { skip: boolean } {
  const mount = { ro: 'mount -o remount,bind,ro /', tmpfs: 'mount -t tmpfs tmpfs /mnt' }[kind]
  const { status } = spawnSync('unshare', ['-rm', 'sh', '-c', mount], { stdio: 'ignore' })
  return skipWithout(status === 0 ? [] : [`"${mount}" in a namespace`], 'possible')
}

/** The same for programs that need root. */
export function needsRoot(...programs: string[]): { skip: boolean } {
  return process.getuid?.() === 0 ? needs(...programs) : skipWithout(['root'], 'who runs this')
}

/** The same for an IPv4 address besides loopback: without one, some programs do not listen on loopback either. */
export function needsAddress(): { skip: boolean } {
  const addresses = Object.values(networkInterfaces()).flatMap((some) => some ?? [])
  const isThere = addresses.some(({ internal, family }) => !internal && family === 'IPv4')
  return skipWithout(isThere ? [] : ['an IPv4 address besides loopback'], 'configured')
}

function skipWithout(missing: readonly string[], what = 'installed'): { skip: boolean } {
  if (missing.length === 0 || process.env['CI'] === 'true') return { skip: false }
  process.stderr.write(`skipped: ${missing.join(', ')} not ${what}\n`)
  return { skip: true }
}
