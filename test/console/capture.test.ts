import * as fc from 'fast-check'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAsciicast } from '../../src/console/asciicast.ts'
import { openLog, openRecording } from '../../src/console/capture.ts'
import { describeError } from '../../src/errors.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { nowhere } from '../helpers/nowhere.ts'

/** Reads a recording as a player would. */
function play(cast: string): { header: unknown; events: [number, string, string][] } {
  const [header = '', ...lines] = cast.trimEnd().split('\n')
  return { header: JSON.parse(header), events: lines.map((line) => JSON.parse(line)) }
}

/** The error message for the user. */
const { signal } = new AbortController()

async function failure(work: () => unknown): Promise<string> {
  try {
    await work()
    return ''
  } catch (error) {
    return describeError(error)
  }
}

describe('a recording', () => {
  test('of a whole session', () => {
    const cast = createAsciicast({ columns: 80, rows: 24 }, new Date(1_700_000_000_999))
    const text = [
      cast.header,
      cast.output(Buffer.from('a\u001b[1mb\r\n'), 0.5),
      cast.output(Buffer.from([0xc3]), 1),
      cast.output(Buffer.from([0xbc]), 1.25),
      cast.resize(100, 30, 2),
      cast.output(Buffer.from('"\\'), 1.5),
      cast.output(Buffer.from([0xe2, 0x82]), 3),
      cast.end(4),
    ].join('')
    expect(text).toBe(
      [
        '{"version":2,"width":80,"height":24,"timestamp":1700000000,"env":{"TERM":"vt100"}}',
        '[0.5,"o","a\\u001b[1mb\\r\\n"]',
        '[1.25,"o","ü"]',
        '[2,"r","100x30"]',
        '[2,"o","\\"\\\\"]',
        '[4,"o","\ufffd"]',
        '',
      ].join('\n'),
    )
  })

  test('a player shows the text of any bytes, however they are split and timed', () => {
    const piece = fc.tuple(fc.uint8Array({ maxLength: 12 }), fc.double({ min: 0, max: 1e6, noNaN: true }))
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const cast = createAsciicast({ columns: 1, rows: 1 }, new Date(0))
        const lines = pieces.map(([bytes, seconds]) => cast.output(Buffer.from(bytes), seconds))
        const { events } = play([cast.header, ...lines, cast.end(0)].join(''))
        const whole = Buffer.concat(pieces.map(([bytes]) => Buffer.from(bytes)))
        const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
        expect(events.map(([, , data]) => data).join('')).toBe(decoder.decode(whole))
        expect(events.map(([seconds]) => seconds)).toEqual(events.map(([seconds]) => seconds).toSorted((a, b) => a - b))
        expect(events.every(([, code]) => code === 'o')).toBe(true)
      }),
    )
  })
})

describe('files', () => {
  let folder: TestFolder
  beforeAll(() => {
    folder = makeFolder()
  })
  afterAll(() => folder[Symbol.dispose]())

  test('contain every byte as soon as it arrives', async () => {
    const [logFile, castFile] = [join(folder.path, 'a.log'), join(folder.path, 'a.cast')]
    const log = await openLog(logFile, signal)
    const recording = await openRecording(castFile, { columns: 80, rows: 24 }, signal)
    const bytes = Buffer.from([0, 0xff, 0xc3, 0x28, 0x0d, 0x0a])
    for (const capture of [log, recording]) {
      capture.write(bytes)
      capture.resize(90, 30)
    }
    // Without closing the file or waiting.
    expect(readFileSync(logFile)).toEqual(bytes)
    expect(play(readFileSync(castFile, 'utf8')).events.map(([, code]) => code)).toEqual(['o', 'r'])
    await log[Symbol.asyncDispose]()
    await recording[Symbol.asyncDispose]()
    expect(play(readFileSync(castFile, 'utf8')).header).toMatchObject({ version: 2, width: 80, height: 24 })
  })

  test('a file that cannot be created or written is an error', async () => {
    expect(await failure(() => openLog(`${nowhere}/log`, signal))).toBe(
      `usage: --log "${nowhere}/log" cannot be written: no such file or directory; name a file in an existing folder that you can write to`,
    )
    expect(await failure(() => openRecording('/etc', { columns: 1, rows: 1 }, signal))).toMatch(
      /^usage: --record "\/etc" .*it is a folder/,
    )
    if (!existsSync('/dev/full')) return
    const full = await openLog('/dev/full', signal)
    expect(await failure(() => full.write(Buffer.from('x')))).toMatch(
      /^console: --log .* longer be written: no space left on device; free some disk space/,
    )
    await full[Symbol.asyncDispose]()
  })
})
