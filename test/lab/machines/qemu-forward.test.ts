import { expect, test } from 'vitest'
import { parseForward } from '../../../src/lab/machines/qemu/forward.ts'

/** The output of QEMU 7.2 during an ssh connection. */
const table = `Hub -1 (n0):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[ESTABLISHED]   31       127.0.0.1 40022       10.0.2.15    22     0     0
  TCP[HOST_FORWARD]  29       127.0.0.1 40080       10.0.2.15    80     0     0
  TCP[HOST_FORWARD]  30       127.0.0.1 40022       10.0.2.15    22     0     0
  UDP[236 sec]       32       10.0.2.15 12345        10.0.2.3    53     0     0
`

test.each([
  [80, 40_080],
  [22, 40_022],
  [53, undefined],
  [443, undefined],
])('port %i of the machine is %s here', (guestPort, hostPort) => {
  expect(parseForward(table, guestPort)).toBe(hostPort)
})
