// Peers in Go, built from source with only the standard library.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dataFolder } from './data.ts'
import { findProgram } from './program.ts'

/** Builds a Go program. @returns its path, undefined if Go is not installed */
export function buildGo(name: string, source: string): string | undefined {
  const go = findProgram('go')
  if (go === undefined) return undefined
  const folder = join(dataFolder, 'go', name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'main.go'), source)
  writeFileSync(join(folder, 'go.mod'), `module ${name}\n\ngo 1.19\n`)
  execFileSync(go, ['build', '-o', join(folder, 'program'), '.'], { cwd: folder, stdio: 'inherit' })
  return join(folder, 'program')
}
