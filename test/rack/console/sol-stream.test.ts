// What ipmitool adds to a session.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { SolInput, SolOutput } from '../../../src/rack/console/sol-stream.ts'

const greeting = '[SOL Session operational.  Use ~? for help]\n'

test('a tilde is doubled at the start of a line and nowhere else', () => {
  const input = new SolInput()
  const encode = (text: string) => input.encode(Buffer.from(text)).toString()
  expect(encode('~.')).toBe('~~.')
  expect(encode('cd ~/x\r')).toBe('cd ~/x\r')
  expect(encode('~')).toBe('~~')
  expect(encode('~\n~~')).toBe('~\n~~~')
})

test('a break begins a line if it has to', () => {
  const input = new SolInput()
  expect(input.encodeBreak().toString()).toBe('~B')
  expect(input.encode(Buffer.from('~h')).toString()).toBe('~h')
  expect(input.encodeBreak().toString()).toBe('\r~B')
  input.encode(Buffer.from('h\r'))
  expect(input.encodeBreak().toString()).toBe('~B')
})

test('the greeting and the echoes of breaks are not the output of the machine, however they are cut', () => {
  const whole = Buffer.from(`${greeting}~ ~B [send break] ~B [send break]\n~B [send~B [send break]\nlogin: `)
  fc.assert(
    fc.property(fc.array(fc.nat(whole.length)), (cuts) => {
      const output = new SolOutput()
      output.expectEcho()
      output.expectEcho()
      const places = [0, ...cuts.toSorted((a, b) => a - b), whole.length]
      const parts = places.slice(1).map((end, index) => output.decode(whole.subarray(places[index], end)))
      expect(Buffer.concat(parts).toString()).toBe('~ ~B [send break] ~B [sendlogin: ')
    }),
  )
})

test('without a break nothing is held back', () => {
  const output = new SolOutput()
  expect(output.decode(Buffer.from(greeting.slice(0, 10))).toString()).toBe('')
  expect(output.decode(Buffer.from(`${greeting.slice(10)}~B`)).toString()).toBe('~B')
  expect(output.decode(Buffer.from(' [send break]\n')).toString()).toBe(' [send break]\n')
})

test('a session that begins with anything else is none', () => {
  expect(() => new SolOutput().decode(Buffer.alloc(1000, 'x'))).toThrow('ipmitool does not open a session')
})
