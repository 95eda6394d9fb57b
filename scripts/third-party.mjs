// npm run third-party: THIRD-PARTY.md from the lock file and the packages' own licence files. It lists what an installation
// brings along, and quotes the licence of what is bundled, which asks for that.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const bundled = ['aws4', 'commander', '@xterm/xterm', '@xterm/addon-fit']
// Their manifests name it in the plural, which npm no longer reads.
const oldManifests = { ssh2: 'MIT', 'cpu-features': 'MIT', buildcheck: 'MIT' }
const project = join(import.meta.dirname, '..')
const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'))

/** Folder, name and manifest of each package that users get. */
const packages = Object.entries(lock.packages)
  .map(([folder, { dev, optional }]) => ({ folder, name: folder.replace(/^.*node_modules\//, ''), dev, optional }))
  .filter(({ folder, name, dev }) => folder !== '' && (dev !== true || bundled.includes(name)))
  .map((one) => ({ ...one, manifest: lock.packages[one.folder] }))
  .toSorted((a, b) => (a.name < b.name ? -1 : 1))

function licenceText(folder) {
  const file = readdirSync(join(project, folder)).find((name) => /^licen[cs]e/i.test(name))
  return readFileSync(join(project, folder, file), 'utf8').trim()
}

const rows = packages.map(({ name, manifest, optional }) => {
  const how = bundled.includes(name) ? 'bundled' : optional ? 'optional' : 'installed'
  return `| ${name} | ${manifest.version} | ${manifest.license ?? oldManifests[name]} | ${how} |`
})
const texts = packages
  .filter(({ name }) => bundled.includes(name))
  .map(({ name, folder }) => `## ${name}\n\n${licenceText(folder).replaceAll(/^/gm, '    ').replaceAll(/ +$/gm, '')}`)

process.stdout.write(
  `# Third-party software

metalkit itself is under the Apache License 2.0. An installation brings these packages along, each with its licence in its
folder; all licences allow use together with it. \`npm run third-party\` makes this list from the lock file.

| package | version | licence | |
|---|---|---|---|
${rows.join('\n')}

${texts.join('\n\n')}
`,
)
