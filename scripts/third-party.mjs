// npm run third-party: generates THIRD-PARTY.md from the lock file and the packages' licence files. It lists the packages bundled
// in dist/ and their licences, which must be distributed with them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

// test/package compares this list with the packages in dist/.
const bundled = [
  '@xterm/addon-fit',
  '@xterm/xterm',
  'asn1',
  'aws4',
  'bcrypt-pbkdf',
  'commander',
  'safer-buffer',
  'ssh2',
  'tweetnacl',
  'ws',
  'yaml',
  'zod',
]
// Its manifest has "licenses", in the plural, which npm no longer reads.
const oldManifests = { ssh2: 'MIT' }
const project = join(import.meta.dirname, '..')
const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'))

const packages = bundled.map((name) => ({ name, ...lock.packages[`node_modules/${name}`] }))

function licenceText(name) {
  const folder = join(project, 'node_modules', name)
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  return readFileSync(join(folder, file), 'utf8').trim()
}

const rows = packages.map(({ name, version, license }) => `| ${name} | ${version} | ${license ?? oldManifests[name]} |`)
const texts = bundled.map(
  (name) =>
    `## ${name}\n\n${licenceText(name)
      .replaceAll(/^/gm, '    ')
      .replaceAll(/[ \r]+$/gm, '')}`,
)

process.stdout.write(
  `# Third-party software

metalkit itself is under the Apache License 2.0. It installs no other packages. The packages below are part of its own files;
all their licences allow this. \`npm run third-party\` generates this list.

| package | version | licence |
|---|---|---|
${rows.join('\n')}

${texts.join('\n\n')}
`,
)
