import { expect, test } from 'vitest'
import { isRemoteMount } from '../../src/files/remote.ts'

const table = `22 27 0:21 / /proc rw,nosuid - proc proc rw
27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 27 0:40 / /home rw,relatime shared:2 master:3 - nfs4 server:/home rw,vers=4.2
41 40 254:2 / /home/local rw - ext4 /dev/vdb rw
42 27 0:42 / /mnt/two\\040words rw - fuse.sshfs host: rw
43 27 0:43 / /srv rw - cifs //host/srv rw
44 27 254:3 / /srv rw - xfs /dev/vdc rw
`

test.each([
  ['/home/ada/.cache', true],
  ['/home/local/ada', false],
  ['/homes/ada', false],
  ['/root/.cache', false],
  ['/mnt/two words/x', true],
  ['/mnt/two', false],
  ['/srv/x', false],
])('whether "%s" is on a file system that may hang: %s', (path, expected) => {
  expect(isRemoteMount(path, table)).toBe(expected)
})

test('this computer has a mount table', () => {
  expect(isRemoteMount('/proc/self')).toBe(false)
})
