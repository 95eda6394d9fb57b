import { describe, expect, test } from 'vitest'
import { countZeros, CpioWalker } from '../../src/image/cpio.ts'
import { makeArchive } from './archives.ts'

const archive = makeArchive({ a: 'x', folder: '', 'long-name': 'content' })

describe('CpioWalker', () => {
  test.each([
    ['an archive', archive, 'rest', archive.length],
    ['archives and zeros', Buffer.concat([Buffer.alloc(8), archive, Buffer.alloc(4), archive]), 'rest', undefined],
    ['other data after an archive', Buffer.concat([archive, Buffer.from('x')]), 'rest', archive.length],
    [
      'an archive off the multiples of four',
      Buffer.concat([archive, Buffer.alloc(1), archive]),
      'rest',
      archive.length + 1,
    ],
    ['an archive without its trailer', archive.subarray(0, archive.length - 124), 'rest', undefined],
    ['an archive cut off', archive.subarray(0, 115), 'inside', undefined],
    ['an archive with checksums', makeArchive({ a: 'x' }, '070702'), 'rest', undefined],
    ['the old format', makeArchive({ a: 'x' }, '070707'), 'lost', undefined],
    ['invalid digits', Buffer.from(archive.toString('latin1').replace('00000001', '0000000g')), 'lost', undefined],
    ['nothing', Buffer.alloc(0), 'rest', undefined],
  ])('%s', (_, bytes, state, taken) => {
    const whole = new CpioWalker()
    const size = whole.push(bytes)
    expect(whole.state).toBe(state)
    if (taken !== undefined) expect(size).toBe(taken)
    else if (state !== 'lost') expect(size).toBe(bytes.length)

    const bytewise = new CpioWalker()
    let sum = 0
    for (const byte of bytes) {
      const one = bytewise.push(Buffer.from([byte]))
      sum += one
      if (one === 0) break
    }
    expect([bytewise.state, sum]).toEqual([state, size])
  })
})

test.each([0, 1, 4095, 4096, 4097, 12_288, 19_999, 20_000])('%i zeros are counted, from any index', (end) => {
  const bytes = Buffer.alloc(20_000)
  if (end < bytes.length) bytes[end] = 0x30
  for (const from of [0, 1, 4095, 5000].filter((index) => index <= end))
    expect(countZeros(bytes, from)).toBe(end - from)
})
