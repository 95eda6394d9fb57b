// The lines of src/ that ran in programs that tests started: Node's records (NODE_V8_COVERAGE), translated with the source maps
// of the build.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where each line of each source begins in a script: `{ offset, file, line }`, by offset; file is below src/, line from 1. */
function readStarts(path) {
  const map = new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')))
  const starts = new Map()
  let offset = 0
  for (const [at, text] of readFileSync(path, 'utf8').split('\n').entries()) {
    for (let column = text.search(/\S/); column >= 0 && column < text.length; column++) {
      const { originalSource = '', originalLine, originalColumn, generatedLine } = map.findEntry(at, column)
      const file = /^(?:\.\.\/)*src\/(.+)$/.exec(originalSource)?.[1]
      if (file === undefined || generatedLine !== at) continue
      const key = `${file}:${originalLine}`
      if (originalColumn < (starts.get(key)?.originalColumn ?? Infinity)) {
        starts.set(key, { offset: offset + column, originalColumn, file, line: originalLine + 1 })
      }
    }
    offset += text.length + 1
  }
  return [...starts.values()].toSorted((a, b) => a.offset - b.offset)
}

/** The first of the starts that is not before an offset. */
function firstFrom(starts, offset) {
  let [low, high] = [0, starts.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (starts[middle].offset < offset) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * Reads the records that started programs wrote into a folder.
 * @param program the folder of the build, with its maps
 * @returns the lines that ran, as `file:line`
 */
export function findStartedLines(folder, program) {
  const startsOf = new Map()
  const ran = new Set()
  for (const name of readdirSync(folder)) {
    let scripts
    try {
      scripts = JSON.parse(readFileSync(join(folder, name), 'utf8')).result
    } catch {
      continue // from a program that was killed while writing
    }
    for (const { url, functions } of scripts) {
      if (!url.startsWith('file:') || !fileURLToPath(url).startsWith(`${program}/`)) continue
      const path = fileURLToPath(url)
      // The bundler's own code has no source map.
      if (!existsSync(`${path}.map`)) continue
      if (!startsOf.has(path)) startsOf.set(path, readStarts(path))
      const starts = startsOf.get(path)
      const counts = new Uint8Array(starts.length)
      // Nested ranges come after the range that contains them.
      for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges)) {
        counts.fill(count > 0 ? 1 : 0, firstFrom(starts, startOffset), firstFrom(starts, endOffset))
      }
      for (const [at, { file, line }] of starts.entries()) if (counts[at] === 1) ran.add(`${file}:${line}`)
    }
  }
  return ran
}
