// The program's first file. It answers --help and --version by itself, because loading Node's streams takes longer than the answer;
// anything else goes to program.ts.
import { fstatSync, statSync, writeSync } from 'node:fs'
import manifest from '../package.json' with { type: 'json' }
import { commands } from './commands/index.ts'
import { mayHang } from './files/remote.ts'
import { findCommand } from './options/command.ts'
import { findAnswer } from './help/answer.ts'
import { widthOf } from './help/page.ts'

/** Whether a descriptor may be a terminal: it is a device other than /dev/null. */
function mayBeTerminal(fd: number): boolean {
  const stat = fstatSync(fd)
  return stat.isCharacterDevice() && stat.rdev !== statSync('/dev/null').rdev
}

/** Whether plain writes to stdout suffice: terminals and files that may hang need more care. */
function isPlain(): boolean {
  try {
    return ![0, 1, 2].some(mayBeTerminal) && !mayHang(1)
  } catch {
    return false
  }
}

/** Writes to stdout what it takes at once. @returns the rest */
function writeAtOnce(text: string): Buffer {
  let rest = Buffer.from(text)
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(1, rest))
  } catch {
    // A stream can wait for a reader, and meets any other error again, which it reports.
  }
  return rest
}

/** Runs program.ts. Its code and that of the command are loaded as they were compiled the last time. */
async function start(argv: readonly string[], rest: Buffer | undefined): Promise<void> {
  const { keepCode } = await import('./files/compile-cache.ts')
  await keepCode(findCommand(commands, argv)?.words.replaceAll(' ', '-') ?? 'none', process.env)
  const { main } = await import('./program.ts')
  await main(argv, rest)
}

const argv = process.argv.slice(2)
const sources = { commands, version: manifest.version, columnsOf: () => widthOf(undefined, process.env) }
const answer = isPlain() ? findAnswer(argv, sources) : undefined
const rest = answer === undefined ? undefined : writeAtOnce(answer)
if (rest?.length !== 0) void start(argv, rest)
