// Rules of this project that no linter has: imports between folders go one way, folders do not import each other in
// cycles, and no folder holds too many files. Prints each violation, and exits with 1 if there is one.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'

const maxFiles = 20

const ground = ['src', 'src/text', 'src/files']

/** The lab uses the wire contract of each API, but no other part of its client. */
const wire = [
  'src/http/lab-header.ts',
  'src/metal/schema.ts',
  'src/metal/locations.ts',
  'src/latitude/schema.ts',
  'src/oci/schema.ts',
]

/** What a face of the lab is made of. */
const face = ['cloud', 'control', 'face', 'faults', 'machines', 'sos', 'storage', 'web'].map(
  (name) => `src/lab/${name}`,
)

/** The folders that each folder of src may import, besides itself, its inner folders and the ground floor. A folder without a row uses its parent's. */
const mayImport = {
  src: ['src/text', 'src/files'],
  'src/text': [],
  'src/files': ['src/text'],
  'src/options': [],
  'src/help': ['src/options'],
  'src/http': [],
  'src/ssh': [],
  'src/image': [],
  'src/ipxe': [],
  'src/serve': ['src/http'],
  'src/machine': [],
  'src/metal': ['src/http', 'src/machine'],
  'src/latitude': ['src/http', 'src/machine'],
  'src/oci': ['src/http', 'src/machine', 'src/ssh'],
  'src/console': ['src/ssh'],
  'src/publish': ['src/http', 'src/ssh'],
  'src/tunnel': ['src/http', 'src/ssh'],
  'src/lab': ['src/http/lab-header.ts'],
  'src/lab/web': ['src/lab/cloud/device-state.ts'],
  'src/lab/storage': [],
  'src/lab/machines': ['src/lab/storage'],
  'src/lab/cloud': ['src/lab/machines', 'src/lab/storage', ...wire],
  'src/lab/faults': ['src/lab/web', 'src/lab/cloud/device-state.ts'],
  'src/lab/face': ['src/lab/web', 'src/lab/cloud', 'src/lab/faults', 'src/lab/sos'],
  'src/lab/control': ['src/lab/web', 'src/lab/cloud', 'src/lab/storage'],
  'src/lab/api': [...face, ...wire],
  'src/lab/latitude': [...face, ...wire],
  'src/lab/oci': [...face, ...wire],
  'src/lab/sos': ['src/lab/cloud', 'src/lab/faults', 'src/lab/machines', 'src/lab/storage'],
  'src/lab/page': ['src/lab/web', 'src/lab/cloud', 'src/lab/machines', 'src/lab/storage'],
  'src/rack/file': ['src/http'],
  'src/rack': [
    'src/lab/web',
    'src/lab/cloud',
    'src/lab/api/routes/machine.ts',
    'src/lab/machines/ipxe/download.ts',
    'src/ipxe/boot-script.ts',
    'src/serve/files/range.ts',
  ],
  'src/rack/media': ['src/rack/file', 'src/rack/netboot'],
  'src/rack/netboot': [],
  'src/rack/check': [
    'src/http',
    'src/lab/storage',
    'src/rack/bmc',
    'src/rack/file',
    'src/rack/machines',
    'src/rack/media',
    'src/rack/netboot',
    'src/rack/power',
  ],
  'src/rack/machines': [
    'src/lab/machines',
    'src/lab/storage',
    'src/rack/bmc',
    'src/rack/file',
    'src/rack/netboot',
    'src/rack/power',
  ],
  'src/rack/bmc': ['src/http', 'src/rack/file'],
  'src/rack/console': [
    'src/ssh',
    'src/rack/bmc',
    'src/rack/file',
    'src/rack/ironic',
    'src/lab/machines/serial-line.ts',
  ],
  'src/rack/ironic': ['src/http', 'src/rack/bmc', 'src/rack/file'],
  'src/rack/power': ['src/rack/bmc', 'src/rack/file', 'src/rack/ironic'],
}

/** Composition happens here, so these import what they like. */
const composing = ['src/commands', 'src/bin.ts', 'src/program.ts', 'src/cli.ts', 'src/parse.ts']

const isWithin = (path, folder) => path === folder || path.startsWith(`${folder}/`)
const walk = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
  )

/** The row for a file: that of the nearest folder above it that has one. */
function roomOf(file) {
  let folder = dirname(file)
  while (!Object.hasOwn(mayImport, folder) && folder !== '.') folder = dirname(folder)
  return folder
}

const complaints = []
const files = ['src', 'test', 'bench', 'scripts'].flatMap(walk).filter((file) => !isWithin(file, 'test/fixtures'))
for (const folder of new Set(files.map(dirname))) {
  const count = files.filter((file) => dirname(file) === folder).length
  if (count > maxFiles) complaints.push(`${folder} holds ${count} files; at most ${maxFiles} lie in one folder`)
}

const isComposing = (path) => composing.some((place) => isWithin(path, place))
for (const file of files.filter((path) => isWithin(path, 'src') && !isComposing(path))) {
  // Without a row the folder would count as ground floor, which everything may import.
  if (roomOf(file) === 'src' && dirname(file) !== 'src')
    complaints.push(`${dirname(file)} has no row in scripts/rooms.mjs`)
}

const imports = files
  .filter((file) => isWithin(file, 'src') && file.endsWith('.ts'))
  .flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']*)'/g)].map(([, to]) => ({
      from: file,
      to: join(dirname(file), to),
    })),
  )
for (const { from, to } of imports) {
  if (isComposing(from)) continue
  const room = roomOf(from)
  const isAllowed =
    isWithin(to, 'src') &&
    !isComposing(to) &&
    (roomOf(to) === room ||
      isWithin(roomOf(to), room) ||
      [...ground, ...mayImport[room]].some((place) => place === to || place === roomOf(to)))
  // The ground floor imports no other folder.
  const isUp = ground.includes(room) && !ground.includes(roomOf(to))
  if (!isAllowed || isUp) complaints.push(`${from} must not import ${to}`)
}

const arrows = new Map()
for (const { from, to } of imports) {
  const [room, other] = [dirname(from), dirname(to)]
  if (room === other || room === 'src') continue
  arrows.set(room, (arrows.get(room) ?? new Set()).add(other))
}
for (const start of arrows.keys()) {
  const reached = new Set()
  const waiting = [...arrows.get(start)]
  while (waiting.length > 0) {
    const room = waiting.pop()
    if (reached.has(room)) continue
    reached.add(room)
    waiting.push(...(arrows.get(room) ?? []))
  }
  if (reached.has(start)) complaints.push(`${start} imports folders that import it`)
}

for (const complaint of complaints) console.error(`rooms: ${complaint}`)
process.exitCode = complaints.length === 0 ? 0 : 1
