// npm run coverage: runs all tests, and counts the lines of src/ that ran, in the tests' own processes (vitest counts them)
// and in the programs they start (Node does). Prints a table by folder. A floor keeps it honest.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { findStartedLines } from './started-lines.mjs'

const floor = 94
const project = join(import.meta.dirname, '..')
const folder = join(project, 'node_modules/.cache/metalkit-coverage')

/** How often each line ran, by file below src/, from a report in LCOV. */
function readLcov(path) {
  const files = new Map()
  for (const record of readFileSync(path, 'utf8').split('end_of_record\n')) {
    const file = /^SF:(?:.*\/)?src\/(.+)$/m.exec(record)?.[1]
    if (file === undefined) continue
    const lines = [...record.matchAll(/^DA:(\d+),(\d+)/gm)].map(([, line, count]) => [Number(line), Number(count)])
    files.set(file, new Map(lines))
  }
  return files
}

/** A row of the table. */
function row(name, { ran, all }) {
  return `| ${name} | ${all} | ${((100 * ran) / all).toFixed(1)} % |`
}

rmSync(folder, { recursive: true, force: true })
mkdirSync(join(folder, 'started'), { recursive: true })
const report = [
  '--coverage',
  '--coverage.reportOnFailure',
  '--coverage.reporter=lcovonly',
  `--coverage.reportsDirectory=${folder}/own`,
]
const { status } = spawnSync('npx', ['vitest', 'run', ...report, ...process.argv.slice(2)], {
  cwd: project,
  stdio: 'inherit',
  env: { ...process.env, METALKIT_TEST_COVERAGE: folder },
})

const own = readLcov(join(folder, 'own/lcov.info'))
const started = findStartedLines(join(folder, 'started'), join(folder, 'program'))
const rooms = new Map()
const total = { ran: 0, all: 0 }
for (const [file, lines] of own) {
  const name = file.includes('/') ? `\`src/${file.slice(0, file.indexOf('/'))}/\`` : 'files of `src/` itself'
  const room = rooms.get(name) ?? { ran: 0, all: 0 }
  rooms.set(name, room)
  for (const [line, count] of lines) {
    const ran = count > 0 || started.has(`${file}:${line}`) ? 1 : 0
    for (const sum of [room, total]) {
      sum.ran += ran
      sum.all += 1
    }
  }
}
const table = [
  '| folder | lines | covered |',
  '|---|---:|---:|',
  ...[...rooms].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, sum]) => row(name, sum)),
  row('all', total),
].join('\n')
console.log(table)
rmSync(folder, { recursive: true, force: true })
const isTooLow = (100 * total.ran) / total.all < floor
if (isTooLow) console.error(`less than ${floor} % of the lines ran`)
if (isTooLow || status !== 0) process.exit(1)
