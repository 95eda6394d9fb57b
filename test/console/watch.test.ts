import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { createScreenText } from '../../src/console/screen-text.ts'
import {
  createWatch,
  maxMatchLength,
  type Sighting,
  type Watch,
  type WatchRules,
  defaultFailures,
} from '../../src/console/watch.ts'

function read(...chunks: string[]): string {
  const screen = createScreenText()
  return chunks.map((chunk) => screen.push(Buffer.from(chunk))).join('')
}

describe('text as it appears on the screen', () => {
  test.each([
    ['plain', 'hello', 'hello'],
    ['tab', 'a\tb', 'a\tb'],
    ['line ends', 'a\r\nb\nc\r\r\nd\r\n\r\ne', 'a\nb\nc\nd\n\ne'],
    ['a rewritten row', '10%\r20%', '10%\n20%'],
    ['colour', '\u001b[1;31mred\u001b[0m', 'red'],
    ['private modes and a charset', '\u001b[?25l\u001b(Bx\u001b[?2004h', 'x'],
    ['cursor positioning', 'a\u001b[2;1Hb\u001b[3;1fc\u001b[4dd', 'a\nb\nc\nd'],
    ['a gap', 'a\u001b[5Cb', 'a b'],
    ['title, ended by BEL', '\u001b]0;a title\u0007x', 'x'],
    ['title, ended by ST', '\u001b]0;a title\u001b\\x', 'x'],
    ['device control string', '\u001bPq#0\u001b\\x', 'x'],
    ['8-bit control sequence', '\u009b1mx', 'x'],
    ['a sequence interrupted by another', '\u001b[12\u001b[0mx', 'x'],
    ['a sequence cancelled', '\u001b[12\u0018x', 'x'],
    ['bells and nulls', 'a\u0007\u0000b', 'ab'],
    ['not ASCII', 'grün 機', 'grün 機'],
    ['a string that never ends is text again after a while', `\u001b]${'y'.repeat(5000)}login:`, /^y+login:$/],
  ])('%s', (_name, bytes, text) => {
    if (typeof text === 'string') expect(read(bytes)).toBe(text)
    else expect(read(bytes)).toMatch(text)
  })
})

/** Whether a pattern has matched, now or before. After each chunk the incomplete line counts as still. */
function createMatcher(pattern: RegExp) {
  const watch = createWatch({ waitFor: [pattern], failOn: [], replies: [] })
  let seen = false
  return { push: (chunk: Buffer) => (seen = watch.push(chunk).length + watch.settle().length > 0 || seen) }
}

describe('one pattern', () => {
  test.each([
    ['within a chunk', /login:/, ['Debian\nlogin: '], true],
    ['across chunks', /login:/, ['log', 'in', ':'], true],
    ['across a colour', /Welcome to Linux/, ['Welcome to \u001b[1mLin', 'ux'], true],
    ['no match', /login:/, ['logon:'], false],
    ['a prompt at the end', /^login: $/m, ['Debian\r\n', 'login: '], true],
    ['a line, by its ends', /^ready$/m, ['not\r\nready\r\nyet'], true],
    ['a prompt, without a flag', /^login: $/, ['Debian\r\n', 'login: '], true],
    ['not across lines', /a\s*b/, ['a\r', '\nb'], false],
    ['not across lines, by a range', /a[\t-z]*b$/, ['a\nb\n'], false],
    ['in a line after one that only seems to match', /a[\t-z]*b/, ['a\nc\nab\n'], true],
    ['a lookahead sees its line alone', /a(?!b)/, ['ab\r\nb\r\n'], false],
    ['an empty line', /^$/, ['a\n\nb'], true],
    ['no empty line after the last', /^$/, ['a\n', 'b\n'], false],
    ['an alternative', /abc|x/, ['x'], true],
    ['an optional end', /abc?$/, ['ab'], true],
    ['sticky', /b/y, ['abc'], true],
    ['global', /b/g, ['aaa', 'b'], true],
    ['ignoring case', /LOGIN/i, ['login'], true],
  ])('%s', (_name, pattern, chunks, found) => {
    const matcher = createMatcher(pattern)
    expect(chunks.map((chunk) => matcher.push(Buffer.from(chunk))).at(-1)).toBe(found)
  })

  test('a pattern that has matched stays matched, and a global one does not advance', () => {
    const pattern = /b/g
    const matcher = createMatcher(pattern)
    expect(['ab', '', 'xx'].map((chunk) => matcher.push(Buffer.from(chunk)))).toEqual([true, true, true])
    expect(pattern.lastIndex).toBe(0)
  })

  test('a cut of the window does not count as the start of a line', () => {
    const matcher = createMatcher(/^x+$/m)
    for (let i = 0; i < 8; i++) expect(matcher.push(Buffer.from(`y${'x'.repeat(40_000)}`))).toBe(false)
  })

  test('a flood is searched to its end', () => {
    const matcher = createMatcher(/marker 42/)
    const flood = Buffer.from('an ordinary line of output\r\n'.repeat(40_000))
    for (let i = 0; i < 8; i++) expect(matcher.push(flood)).toBe(false)
    expect(matcher.push(Buffer.concat([flood, Buffer.from('marker 42\r\n'), flood]))).toBe(true)
  })

  test('a match of the documented length is found in a line of any length', () => {
    const pattern = new RegExp(`<.{${maxMatchLength - 2}}>`)
    for (const before of [0, 1000, 10_000, 16_000, 50_000]) {
      const line = `${'-'.repeat(before)}<${'x'.repeat(maxMatchLength - 2)}>${'-'.repeat(before)}\n`
      expect(createMatcher(pattern).push(Buffer.from(line)), String(before)).toBe(true)
    }
  })
})

describe('the time that patterns may take', () => {
  const line = `${'ab'.repeat(200)}\n`

  test('all patterns together have half a second per chunk', () => {
    const failOn = ['c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n'].map(
      (end) => new RegExp(`[a].*[b].*[${end}]`),
    )
    const watch = createWatch({ waitFor: [], failOn, replies: [] })
    const before = process.cpuUsage()
    expect(() => watch.push(Buffer.from(line.repeat(20)))).toThrow(
      /searching a line of the console for .*\[a\].* took more than 0.5 s/,
    )
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1000).toBeLessThan(1000)
  })

  test('starts again with the next chunk', () => {
    const watch = createWatch({ waitFor: [/[a].*[b].*[c]/], failOn: [], replies: [] })
    for (let i = 0; i < 100; i++) expect(watch.push(Buffer.from(line))).toEqual([])
    expect(watch.push(Buffer.from(`${'ab'.repeat(50)}c\n`))).toHaveLength(1)
  })
})

function describeSighting(sighting: Sighting): string {
  if (sighting.kind === 'reply') return `reply ${sighting.send}`
  if (sighting.kind === 'failed') return `failed ${sighting.pattern.source}: ${sighting.line}`
  return `matched ${sighting.pattern.source}${sighting.last ? ', the last' : ''}`
}

/** The sightings in words; silence follows each chunk. */
function see(rules: Partial<WatchRules>, ...chunks: string[]): string[] {
  const watch = createWatch({ waitFor: [], failOn: [], replies: [], ...rules })
  return chunks.flatMap((chunk) => [...watch.push(Buffer.from(chunk)), ...watch.settle()].map(describeSighting))
}

function joinPieces(pieces: (string | number)[] | Uint8Array): Buffer {
  if (pieces instanceof Uint8Array) return Buffer.from(pieces)
  return Buffer.from(pieces.map((piece) => (typeof piece === 'number' ? '-'.repeat(piece) : piece)).join(''))
}

/** In short words that are easy to compare. */
function tell(sightings: Sighting[]): string[] {
  return sightings.map((sighting) => describeSighting(sighting).slice(0, 200))
}

function endOf(watch: Watch): string {
  return watch.lastLines(1).join('').slice(-200)
}

describe('chunk boundaries do not matter', () => {
  const words = ['lo', 'gin', ': ', '\r', '\n', '\u001b[', '1;3', 'm', '\u001b]0;', '\u0007', 'ü', '機', '\u001b', '\\']
  const piece = fc.constantFrom(...words)
  const plain = [/login: /, /^gin/, /ü\s*lo/, /[^\n]機/, /1;3/, /l?o+|n: /, /-{100}lo/, /lo.*gin/, /o[\t-z]*n/]
  const atTheEnd = [/login: $/, /gin\b/, /lo(?!gin)/, /(?<=lo)gin$/, /^$/, /(?:lo)+/, /[^x]gin/, /lo\s*$/, /.*/]
  const pattern = fc.constantFrom(...plain, ...atTheEnd)
  // A number stands for that many dashes: it allows long lines and readable counterexamples.
  const stretches = fc.oneof(
    fc.array(piece, { maxLength: 20 }),
    fc.array(fc.oneof(piece, fc.nat(20_000)), { maxLength: 8 }),
    fc.uint8Array({ maxLength: 40 }),
  )
  const rules = fc.record({
    waitFor: fc.array(pattern, { maxLength: 3 }),
    failOn: fc.array(pattern, { maxLength: 2 }),
    replies: fc.array(fc.record({ on: pattern, send: fc.constant('x') }), { maxLength: 3 }),
  })

  test('the same patterns match, in the same order', () => {
    fc.assert(
      fc.property(stretches, fc.array(fc.nat(1000)), rules, (pieces, cuts, given) => {
        const input = joinPieces(pieces)
        const whole = createWatch(given)
        const cut = createWatch(given)
        const seen: Sighting[] = []
        let at = 0
        for (const share of [...cuts.toSorted((a, b) => a - b), 1000]) {
          const end = Math.round((input.length * share) / 1000)
          seen.push(...cut.push(input.subarray(at, end)))
          at = end
        }
        seen.push(...cut.settle())
        expect(tell(seen)).toEqual(tell([...whole.push(input), ...whole.settle()]))
        expect(endOf(cut)).toBe(endOf(whole))
      }),
      { numRuns: 1000 },
    )
  })

  test('a line matches exactly as its text alone would', () => {
    const line = fc.array(fc.constantFrom('lo', 'gin', ': ', 'ü', 'x'), { maxLength: 6 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), pattern, (lines, regex) => {
        const seen = see({ failOn: [regex] }, lines.map((text) => `${text}\n`).join(''))
        const first = lines.find((text) => regex.test(text))
        expect(seen).toEqual(first === undefined ? [] : [`failed ${regex.source}: ${first.trim()}`])
      }),
      { numRuns: 1000 },
    )
  })
})

describe('several patterns', () => {
  const waitFor = [/one/, /two/]
  const failOn = [/panic/]
  const replies = [
    { on: /login:/, send: 'root' },
    { on: /login:/, send: 'again' },
  ]
  test.each<[string, Partial<WatchRules>, string[], string[]]>([
    ['all, in order', { waitFor }, ['two one ', 'two'], ['matched one', 'matched two, the last']],
    ['in one piece', { waitFor }, ['one two'], ['matched one', 'matched two, the last']],
    ['not in reverse order', { waitFor }, ['two one'], ['matched one']],
    [
      'a failure reports its line',
      { failOn },
      ['a\r\n[ 1.0] Kernel panic!\r\nb'],
      ['failed panic: [ 1.0] Kernel panic!'],
    ],
    [
      'nothing after a failure',
      { waitFor, failOn },
      ['one panic two', 'two'],
      ['matched one', 'failed panic: one panic two'],
    ],
    [
      'nothing after the last',
      { waitFor, failOn },
      ['one two panic', 'panic'],
      ['matched one', 'matched two, the last'],
    ],
    ['a dialogue: each once, in order', { replies }, ['login:', 'x', 'login: login:'], ['reply root', 'reply again']],
    ['a question is not answered twice', { replies }, ['login:', ' '], ['reply root']],
  ])('%s', (_name, rules, chunks, seen) => {
    expect(see(rules, ...chunks)).toEqual(seen)
  })

  test('the order holds across a long text', () => {
    const flood = 'x\n'.repeat(100_000)
    expect(see({ waitFor }, `${flood}one`, flood, flood, 'two')).toEqual(['matched one', 'matched two, the last'])
    expect(see({ waitFor: [/^x$/m, /^x$/m, /y/] }, flood, 'y')).toHaveLength(3)
  })

  test('the last lines, as they appear on the screen', () => {
    const watch = createWatch({ waitFor: [], failOn: [], replies: [] })
    watch.push(Buffer.from(`${'old\r\n'.repeat(20_000)}\u001b[31mred\u001b[0m\r\n\r\nlast`))
    expect(watch.lastLines(2)).toEqual(['red', 'last'])
  })

  test.each([
    ['a kernel panic', '[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n'],
    ['iPXE', 'Could not boot: Exec format error (https://ipxe.org/2e008081)\r\n'],
    ['iPXE, an image', 'Could not boot image: Error 0x2e008081 (http://ipxe.org/2e008081)\r\n'],
    ['iPXE, a kernel of another architecture', 'Could not select: Exec format error (http://ipxe.org/2e008081)\r\n'],
    ['SeaBIOS', 'Booting from Hard Disk...\r\nNo bootable device.\r\n'],
    ['edk2', 'BdsDxe: No bootable option or device was found.\r\n'],
    ['a BIOS', '\u001b[2;1HOperating System not found'],
  ])('a known failure: %s', (_name, text) => {
    expect(see({ failOn: defaultFailures }, text)).toHaveLength(1)
  })

  test.each([
    [
      'a port without a cable',
      'Configuring (net0 52:54:00:12:34:56)... No configuration methods succeeded (https://ipxe.org/040ee186)\r\n',
    ],
    ['an oops', 'Oops: general protection fault\r\n'],
    ['a boot', 'iPXE 1.21.1 -- Open Source Network Boot Firmware -- https://ipxe.org\r\nhttp://a/kernel... ok\r\n'],
    ['a shell', './x: cannot execute binary file: Exec format error\r\n'],
  ])('not a failure: %s', (_name, text) => {
    expect(see({ failOn: defaultFailures }, text)).toEqual([])
  })
})
