// The manual page, built from the same tables as --help: man(7) macros, ASCII only.
import { type Command, findTakers } from '../options/command.ts'
import type { Flag } from '../options/flags/flag.ts'
import { type FlagName, flags, globalFlagNames } from '../options/flags.ts'
import { exitStatus } from './exit-codes.ts'
import { inGroups, notesOf, synopsisOf, termOf } from './layout.ts'

/** Escapes what roff interprets: backslashes, hyphens (as minus signs), a dot or quote at the start of a line. */
export function escapeRoff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&')
}

function paragraph(tag: string, text: string): string {
  return `.TP\n.B ${escapeRoff(tag)}\n${escapeRoff(text.replaceAll(/\s+/g, ' '))}\n`
}

function commandSection(command: Command): string {
  const argumentsOf = command.arguments.map(({ name, help, fallback }) =>
    paragraph(name, fallback === undefined ? help : `${help} (default ${fallback})`),
  )
  const names = command.flags.map((key) => `--${flags[key].name}`).join(', ')
  const examples = command.examples.map((example) => `.IP\n.EX\n${escapeRoff(example)}\n.EE\n`)
  return [
    `.SS "${escapeRoff(synopsisOf(command))}"\n${escapeRoff(command.description.replaceAll(/\s+/g, ' '))}\n`,
    ...argumentsOf,
    names === '' ? '' : `.PP\nOptions: ${escapeRoff(names)}.\n`,
    ...examples,
  ].join('')
}

function flagParagraph(key: FlagName, commands: readonly Command[]): string {
  const of = findTakers(commands, (command) => command.flags.includes(key)).map((command) => command.words)
  const where = of.length === 0 ? 'all commands' : of.join(', ')
  return paragraph(termOf(key), `${flags[key].help} (${notesOf(key)}; ${where})`)
}

function optionSections(commands: readonly Command[]): string {
  return inGroups([...commands.flatMap((command) => command.flags), ...globalFlagNames])
    .map(({ heading, names }) => `.SS "${heading}"\n${names.map((key) => flagParagraph(key, commands)).join('')}`)
    .join('')
}

/** Variables without a flag. */
const otherVariables: readonly (readonly [string, string])[] = [
  ['METAL_CONFIG', 'the configuration file, instead of ~/.config/equinix/metal.yaml'],
  ['HTTPS_PROXY, HTTP_PROXY, NO_PROXY', 'proxies for the API'],
  ['SSH_AUTH_SOCK', 'the SSH agent whose keys open consoles'],
  ['XDG_STATE_HOME', 'the folder in which labs keep keys and state, instead of ~/.local/state'],
]

const files: readonly (readonly [string, string])[] = [
  ['~/.config/equinix/metal.yaml', 'token and project-id, in the format of metal-cli'],
  ['~/.ssh/known_hosts', 'host keys of consoles'],
  ['<name>-kernel, <name>-initrd.img, <name>-cmdline', 'an image, as linuxkit build writes it'],
  ['<name>-equinixmetal.ipxe, <name>.json', 'its boot script and its manifest, as push writes them'],
]

function environmentOf(commands: readonly Command[]): string {
  const keys = [...new Set(commands.flatMap((command) => command.flags))]
  const ofFlags = keys.flatMap((key) => {
    const flag: Flag = flags[key]
    return flag.env.length > 0 ? [[flag.env.join(', '), `the same as --${flag.name}`] as const] : []
  })
  return [...ofFlags, ...otherVariables].map(([name, text]) => paragraph(name, text)).join('')
}

/** The page, in roff. `date` appears in its footer, such as 2026-01-31. */
export function manPage(
  commands: readonly Command[],
  about: { version: string; date: string; summary: string },
): string {
  const { version, date, summary } = about
  return [
    `.TH METALKIT 1 "${date}" "metalkit ${version}" "User Commands"\n`,
    `.SH NAME\nmetalkit \\- boot your own operating system on rented bare metal\n`,
    `.SH SYNOPSIS\n${commands.map((command) => `.B ${escapeRoff(synopsisOf(command))}\n`).join('.br\n')}`,
    `.SH DESCRIPTION\n${escapeRoff(summary)}\n`,
    '.PP\nA flag overrides its environment variable, which overrides metal.yaml, which overrides the default.\n',
    `Write flags with one dash or two, and values after a space or an equals sign: ${escapeRoff('-serve :8080, --serve=:8080')}.\n`,
    `.SH COMMANDS\n${commands.map(commandSection).join('')}`,
    `.SH OPTIONS\n${optionSections(commands)}`,
    `.SH ENVIRONMENT\n${environmentOf(commands)}`,
    `.SH FILES\n${files.map(([name, text]) => paragraph(name, text)).join('')}`,
    `.SH EXIT STATUS\n${exitStatus.map(([code, text]) => paragraph(code, text)).join('')}`,
    `.SH SEE ALSO\n.BR ssh (1),\n.BR known_hosts (5),\n.BR qemu (1)\n`,
  ].join('')
}
