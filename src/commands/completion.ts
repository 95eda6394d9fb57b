// metalkit completion: the script for a shell, and the answers to its questions.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { within } from '../deadline.ts'
import { UsageError } from '../errors.ts'
import { homeFolder } from '../files/home-folder.ts'
import { shells } from '../help/shells.ts'
import { type Choice, type Suggestion, suggest } from '../help/suggest.ts'
import { type Context, createReporter } from '../io.ts'
import { metroByFacility, metroCodes } from '../metal/locations.ts'
import type { Cloud } from '../machine/cloud.ts'
import { resolveOptions } from '../options/precedence.ts'
import { commands } from './index.ts'
import { askClouds } from './clouds/ask-clouds.ts'

/** Nobody waits longer for a completion. */
const apiPatienceMs = 1500

/** The machines that metalkit created, if a token and a project are set; none on any failure. */
async function findDevices(context: Context): Promise<Choice[]> {
  try {
    const options = await resolveOptions(['apiKey', 'projectId', 'apiUrl'], {}, context.env)
    const report = createReporter({ stderr: context.stderr, verbosity: -1 })
    const signal = within(apiPatienceMs, context.signal)
    const list = (cloud: Cloud) => cloud.list(undefined, signal)
    const { answers } = await askClouds(options, { ...context, report, signal }, list)
    const machines = answers.flatMap(({ answer }) => answer)
    return machines.map(({ id, hostname, plan, state }) => ({
      text: id,
      help: [hostname, plan, state].filter(Boolean).join(', '),
    }))
  } catch {
    return []
  }
}

const kernelEnding = '-kernel'

/**
 * The images and folders whose path has this prefix; `~/` is the home folder. A folder ends with a slash.
 * @returns no choices if the folder cannot be read
 */
async function findImages(typed: string, home: string): Promise<Choice[]> {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1)
  const path = folder.startsWith('~/') ? join(home, folder.slice(1)) : folder || '.'
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  const images = entries
    .filter(({ name }) => name.endsWith(kernelEnding) && name !== kernelEnding)
    .map(({ name }) => ({ text: folder + name.slice(0, -kernelEnding.length), help: 'image' }))
  const folders = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => ({ text: `${folder}${name}/`, help: 'folder' }))
  return [...images, ...folders]
}

async function lookUp({ kind, typed, choices }: Suggestion, context: Context): Promise<readonly Choice[]> {
  switch (kind) {
    case 'image':
      return await findImages(typed, homeFolder(context.env))
    case 'device':
      return await findDevices(context)
    case 'metro':
      return metroCodes.map((text) => ({ text, help: '' }))
    case 'facility':
      return Object.entries(metroByFacility).map(([text, metro]) => ({ text, help: `metro ${metro}` }))
    case 'files':
    case 'folders':
    case 'words':
      return choices
    default:
      return kind satisfies never
  }
}

/** Prints a shell's script, or the completions of the last word. */
export async function execute(
  { shell, passthrough: words }: { shell: string | undefined; passthrough: readonly string[] },
  _options: object,
  context: Context,
): Promise<void> {
  const { stdout } = context
  if (shell !== undefined || words.length === 0) {
    const script = shells[shell ?? '']
    if (script === undefined || words.length > 0) {
      const wrong =
        shell === undefined ? 'no shell is given' : `"${[shell, ...words].join(' ')}" is not a shell with completion`
      throw new UsageError(wrong, {
        hint: `write metalkit completion ${Object.keys(shells).join(', metalkit completion ')}`,
      })
    }
    stdout.write(script)
    return
  }
  const suggestion = suggest(commands, words)
  const { kind, before, typed } = suggestion
  const choices = (await lookUp(suggestion, context)).filter(({ text }) => text.startsWith(typed))
  const isOpen = choices.length > 0 && choices.every(({ text }) => text.endsWith('/'))
  stdout.write(`${kind === 'files' || kind === 'folders' ? kind : isOpen ? 'open' : 'words'}\n`)
  for (const { text, help } of choices) stdout.write(`${before}${text}\t${help}\n`)
}
