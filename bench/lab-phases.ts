// Where the time goes between the command and QEMU's start: each process notes when it reaches a point, without a change to the program.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { median } from './frame/compare.ts'

/** The points in their order, as the preload notes them, with what ends there. */
const points = [
  ['lab ready', 'Node starts for the lab'],
  ['command', 'lab: keys, ports, QEMU and records, until it starts the command'],
  ['run ready', 'Node starts for run'],
  ['HEAD', 'run: loads its code and the image, until it checks the URLs'],
  ['create', 'run: checks the URLs, its SSH keys and the console, until it asks for the machine'],
  ['qemu', 'lab: creates the machine, until QEMU starts'],
] as const

/** A module for `node --require`: it appends a line with the time for each point that its process reaches. */
function preloadOf(notes: string): string {
  return `const { appendFileSync } = require('node:fs')
const note = (point) =>
  appendFileSync(${JSON.stringify(notes)}, point + ' ' + (performance.timeOrigin + performance.now()) + '\\n')
const who = process.argv[2]
note(who + ' ready')
if (who === 'lab') {
  const processes = require('node:child_process')
  const { spawn } = processes
  processes.spawn = (file, args, ...rest) => {
    if (args.includes('equinixmetal')) note('command')
    return spawn(file, args, ...rest)
  }
}
require('node:diagnostics_channel').subscribe('http.server.request.start', ({ request }) => {
  if (request.method === 'HEAD') note('HEAD')
  if (request.method === 'POST' && request.url.endsWith('/devices')) note('create')
})
`
}

/** Notes of the processes of a lab. */
export interface PhaseNotes {
  /** The variable that makes Node note. */
  env: { NODE_OPTIONS: string }
  /** Ends a round that took so long from `startMs`, by performance's clock. */
  finish(startMs: number, ms: number): void
  /** Prints the phases as a table. */
  print(): void
}

/** Prepares notes in a folder. */
export function notePhases(folder: string): PhaseNotes {
  const preload = join(folder, 'preload.cjs')
  const notes = join(folder, 'notes')
  writeFileSync(preload, preloadOf(notes))
  const rounds: number[][] = []
  return {
    env: { NODE_OPTIONS: `--require ${preload}` },
    finish(startMs, ms) {
      const origin = performance.timeOrigin + startMs
      const reached = new Map<string, number>([['qemu', ms]])
      for (const line of readFileSync(notes, 'utf8').split('\n').toReversed()) {
        const space = line.lastIndexOf(' ')
        if (space > 0) reached.set(line.slice(0, space), Number(line.slice(space + 1)) - origin)
      }
      rmSync(notes)
      let last = 0
      rounds.push(
        points.map(([point]) => {
          const duration = (reached.get(point) ?? Number.NaN) - last
          last += duration
          return duration
        }),
      )
    },
    print() {
      const rows = points.map(([, what], index) => {
        // The first round may have tested an accelerator.
        const durations = rounds.slice(1).map((round) => round[index] ?? Number.NaN)
        return `| ${what} | ${median(durations).toFixed(0)} | ${Math.min(...durations).toFixed(0)} |`
      })
      console.log(['| phase | median, ms | least, ms |', '| --- | ---: | ---: |', ...rows].join('\n'))
    },
  }
}
