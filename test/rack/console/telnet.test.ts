// Telnet as a console server speaks it, and as a hostile peer may.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { speaksTelnet, Telnet } from '../../../src/rack/console/telnet.ts'

const [iac, se, sb, will, wont, ask, dont] = [255, 240, 250, 251, 252, 253, 254]
const [binary, echo, suppress, comPort] = [0, 1, 3, 44]

const answerTo = (telnet: Telnet, ...bytes: number[]) => [...telnet.receive(Buffer.from(bytes)).answer]
const outputOf = (telnet: Telnet, ...bytes: number[]) => [...telnet.receive(Buffer.from(bytes)).output]

test.each([
  [[], undefined],
  [[iac], undefined],
  [[iac, ask], undefined],
  [[iac, ask, binary], true],
  [[iac, will, echo, 104, 105], true],
  // A line at the wrong speed.
  [[iac, 0x10], false],
  [[iac, will, 0xf0], false],
  [[iac, iac], false],
  [[104], false],
])('the beginning %j is telnet: %j', (bytes, verdict) => {
  expect(speaksTelnet(Buffer.from(bytes))).toBe(verdict)
})

test('useful options are accepted, others refused', () => {
  const telnet = new Telnet()
  expect(answerTo(telnet, iac, will, suppress)).toEqual([iac, ask, suppress])
  expect(answerTo(telnet, iac, will, echo)).toEqual([iac, ask, echo])
  expect(answerTo(telnet, iac, ask, binary)).toEqual([iac, will, binary])
  expect(answerTo(telnet, iac, will, binary)).toEqual([iac, ask, binary])
  expect(answerTo(telnet, iac, ask, echo)).toEqual([iac, wont, echo])
  expect(answerTo(telnet, iac, will, comPort)).toEqual([iac, dont, comPort])
  expect(answerTo(telnet, iac, ask, comPort)).toEqual([iac, wont, comPort])
})

test('what is already so gets no answer, so that two peers cannot answer each other for ever', () => {
  const telnet = new Telnet()
  expect(answerTo(telnet, iac, will, binary)).not.toEqual([])
  expect(answerTo(telnet, iac, will, binary)).toEqual([])
  expect(answerTo(telnet, iac, wont, comPort, iac, dont, comPort)).toEqual([])
  expect(answerTo(telnet, iac, wont, binary)).toEqual([iac, dont, binary])
  expect(answerTo(telnet, iac, wont, binary)).toEqual([])
})

test('a peer that negotiates for ever is answered a hundred times', () => {
  const telnet = new Telnet()
  let answered = 0
  for (let count = 0; count < 10_000; count++) {
    answered += answerTo(telnet, iac, will, binary, iac, wont, binary, iac, ask, comPort).length
  }
  expect(answered).toBe(300)
  expect(outputOf(telnet, 104, 105)).toEqual([104, 105])
})

test('commands and subnegotiations are no output, a doubled IAC is a byte', () => {
  const telnet = new Telnet()
  expect(outputOf(telnet, 97, iac, 241, 98, iac, iac, 99)).toEqual([97, 98, 255, 99])
  expect(outputOf(telnet, iac, sb, comPort, 1, 2, iac, iac, 3, iac, se, 100)).toEqual([100])
})

test('a subnegotiation without an end keeps nothing', () => {
  const telnet = new Telnet()
  expect(outputOf(telnet, iac, sb, comPort)).toEqual([])
  for (let count = 0; count < 100; count++) {
    expect(telnet.receive(Buffer.alloc(10_000, 120)).output).toHaveLength(0)
  }
  expect(outputOf(telnet, iac, se, 100)).toEqual([100])
})

test('input is escaped, and a return is followed by NUL until transmission is binary', () => {
  const telnet = new Telnet()
  expect([...telnet.send(Buffer.from([97, 255, 13]))]).toEqual([97, 255, 255, 13, 0])
  telnet.receive(Buffer.from([iac, ask, binary]))
  expect([...telnet.send(Buffer.from([97, 255, 13]))]).toEqual([97, 255, 255, 13])
  expect([...telnet.sendBreak()]).toEqual([255, 243])
})

test('NUL after a return is taken away until transmission is binary', () => {
  const telnet = new Telnet()
  expect(outputOf(telnet, 13, 0, 97, 0)).toEqual([13, 97, 0])
  telnet.receive(Buffer.from([iac, will, binary]))
  expect(outputOf(telnet, 13, 0)).toEqual([13, 0])
})

test('chunks do not matter, and no bytes are made up', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (chunks) => {
      const [whole, parts] = [new Telnet(), new Telnet()]
      const all = Buffer.concat(chunks)
      const one = whole.receive(all)
      const many = chunks.map((chunk) => parts.receive(Buffer.from(chunk)))
      expect(Buffer.concat(many.map(({ output }) => output))).toEqual(one.output)
      expect(Buffer.concat(many.map(({ answer }) => answer))).toEqual(one.answer)
      expect(one.output.length).toBeLessThanOrEqual(all.length)
      expect(one.answer.length).toBeLessThanOrEqual(all.length)
    }),
  )
})

test('what is sent arrives, through any negotiation', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.boolean(), (bytes, isBinary) => {
      const [sender, receiver] = [new Telnet(), new Telnet()]
      if (isBinary) {
        sender.receive(Buffer.from([iac, ask, binary]))
        receiver.receive(Buffer.from([iac, will, binary]))
      }
      // After a return, NUL cannot be told from the one that belongs to it.
      const text = Buffer.from(isBinary ? bytes : bytes.filter((byte) => byte !== 0))
      expect(receiver.receive(sender.send(text)).output).toEqual(text)
    }),
  )
})
