// An asciinema recording (asciicast v2) as an SVG that plays once and stays at its end: picture.mjs FILE.cast >FILE.svg.
// Programs that do not animate SVG show the end. The screen supports the part of a terminal that firmware, boot loaders and
// kernels use: rows that grow downwards, carriage returns, and clearing.
import { readFileSync } from 'node:fs'

const [header = {}, ...events] = readFileSync(process.argv[2], 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
const { width = 80, height = 24 } = header
const longestPauseS = 0.8
const [charWidth, lineHeight, padding] = [8, 17, 14]

/** All rows so far: the text, and when it last changed. */
const rows = [{ text: '', atS: 0 }]
/** When the window scrolled, and to which first row. */
const scrolls = [{ atS: 0, top: 0 }]
let [top, row, column, nowS, lastS] = [0, 0, 0, 0, 0]

function rowAt(index) {
  while (rows.length <= index) rows.push({ text: '', atS: nowS })
  return rows[index]
}

function goTo(next) {
  row = next
  rowAt(row)
  if (row < top + height) return
  top = row - height + 1
  scrolls.push({ atS: nowS, top })
}

function print(character) {
  if (column >= width) return
  const line = rowAt(row)
  // Firmware redraws its screen repeatedly; unchanged text keeps its time.
  if ((line.text[column] ?? ' ') !== character) {
    line.text = line.text.slice(0, column).padEnd(column) + character + line.text.slice(column + 1)
    line.atS = nowS
  }
  column++
}

/** Clearing the screen starts a new screen below. */
function clear() {
  if (rows.slice(top).every(({ text }) => text.trim() === '')) return
  top = rows.length
  scrolls.push({ atS: nowS, top })
  column = 0
  goTo(top)
}

function control(parameters, final) {
  const numbers = parameters.split(';').map((text) => Number(text) || 0)
  if (final === 'H' || final === 'f') {
    goTo(top + Math.max((numbers[0] ?? 1) - 1, 0))
    column = Math.max((numbers[1] ?? 1) - 1, 0)
  } else if (final === 'C') column += numbers[0] || 1
  else if (final === 'D') column = Math.max(column - (numbers[0] || 1), 0)
  else if (final === 'J' && numbers[0] === 2) clear()
  else if (final === 'K') rowAt(row).text = rowAt(row).text.slice(0, column)
}

let rest = ''
for (const [atS, kind, data] of events) {
  if (kind !== 'o') continue
  nowS += Math.min(atS - lastS, longestPauseS)
  lastS = atS
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  const sequence = /\u001b\[([0-9;?]*)([@-~])|\u001b([^[])|\u001b\[?[0-9;?]*$|([^])/g
  for (const [whole, parameters, final, escaped, character] of (rest + data).matchAll(sequence)) {
    rest = ''
    if (final !== undefined) control(parameters, final)
    else if (escaped === 'c') clear()
    else if (character === undefined) rest = escaped === undefined ? whole : ''
    else if (character === '\r') column = 0
    else if (character === '\n') goTo(row + 1)
    else if (character === '\b') column = Math.max(column - 1, 0)
    else if (character >= ' ') print(character)
  }
}

const seconds = (time) => `${Math.max(time, 0.01).toFixed(2)}s`
const escape = (text) => text.trimEnd().replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll(' ', '\u00A0')
const [svgWidth, svgHeight] = [width * charWidth + 2 * padding, height * lineHeight + 2 * padding]
const texts = rows.flatMap(({ text, atS }, index) =>
  text.trim() === ''
    ? []
    : [
        `<text y="${(index + 1) * lineHeight - 4}">${escape(text)}` +
          `<set attributeName="visibility" to="hidden" begin="0s" dur="${seconds(atS)}"/></text>`,
      ],
)
const moves = scrolls.map(({ atS, top: first }, index) => {
  const end = scrolls[index + 1]?.atS
  const until = end === undefined ? '' : ` dur="${seconds(end - atS)}"`
  return end === undefined || end - atS < 0.01
    ? ''
    : `<animateTransform attributeName="transform" type="translate" from="0 ${-first * lineHeight}" to="0 ${-first * lineHeight}" begin="${seconds(atS)}"${until}/>`
})
process.stdout
  .write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${svgWidth} ${svgHeight}" width="${svgWidth}" height="${svgHeight}">
<title>A machine boots over iPXE, seen on its serial console</title>
<rect width="100%" height="100%" rx="8" fill="#16181d"/>
<svg x="${padding}" y="${padding}" width="${width * charWidth}" height="${height * lineHeight}">
<g transform="translate(0 ${-top * lineHeight})" font-family="ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="13" fill="#d6dae0">
${moves.filter((move) => move !== '').join('\n')}
${texts.join('\n')}
</g>
</svg>
</svg>
`)
