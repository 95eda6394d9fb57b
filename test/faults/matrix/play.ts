// Plays a table of faults in a cloud, with a test for each case.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FaultCloud, publishForAll } from '../clouds.ts'
import { type Play, playCase, runPooled } from '../world.ts'

/** A run with faults. */
export interface Case extends Pick<Play, 'existing' | 'isKept' | 'isStepped' | 'queuedMs'> {
  text: string
  /** The exit codes with which it may end. */
  codes: readonly number[]
}

/** Plays cases in a cloud. @param title its name in the report */
export function playTable(title: string, cases: readonly Case[], cloud: FaultCloud, width = 12): void {
  const folder = mkdtempSync(join(tmpdir(), 'metalkit-faults-'))
  let image: Awaited<ReturnType<typeof publishForAll>>
  let results: ReturnType<typeof playCase>[] = []
  const startedMs = performance.now()
  let losses = 0

  beforeAll(async () => {
    image = await publishForAll()
    const run = ['run', cloud.name, '-base-url', image.baseUrl, '-timeout', '1h', '-wait-for', 'is up']
    const { open } = cloud
    // The first run of a process takes seconds, which are many minutes at a hundred times the pace.
    const first = await playCase('', image, () => [...run, ...cloud.flags, image.prefix], { queuedMs: 250, open })
    expect([first.code, first.wrongs]).toEqual([0, []])
    results = runPooled(
      cases.map(({ text, existing = false, isKept = false, isStepped = false, queuedMs = 250 }, index) => async () => {
        const args = (id: string) => [
          ...run,
          ...(existing ? cloud.reuseFlags(id) : cloud.flags),
          ...(isKept ? ['-keep'] : []),
          '-id-file',
          join(folder, `${index}.id`),
          image.prefix,
        ]
        return await playCase(text, image, args, { existing, isKept, isStepped, queuedMs, open })
      }),
      width,
    )
    for (const result of results) result.catch(() => {})
  })
  afterAll(async () => {
    await image[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
    process.stderr.write(`fault matrix of ${title}: ${cases.length} cases, ${losses} losses, ${seconds} s\n`)
  })

  test.each(cases.map(({ text, codes }, index) => [text, codes.join(' or '), { index, codes }] as const))(
    '%s ends with %s',
    { timeout: 240_000 },
    async (_text, _codes, { index, codes }) => {
      losses++
      const result = await results[index]
      expect(result?.wrongs, result?.stderr).toEqual([])
      losses--
      expect(codes, result?.stderr).toContain(result?.code)
      const written = readdirSync(folder).filter((file) => file.startsWith(`${index}.id`))
      for (const file of written) expect(readFileSync(join(folder, file), 'utf8')).toMatch(cloud.idFile)
      expect(result?.stderr).not.toMatch(/undefined|\[object/)
    },
  )
}
