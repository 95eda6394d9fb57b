// metalkit version: the same as --version, for people who write it as a word.
import manifest from '../../package.json' with { type: 'json' }
import type { Context } from '../io.ts'

/** Prints the version. */
export async function execute(_args: unknown, _options: object, { stdout }: Context): Promise<void> {
  stdout.write(`${manifest.version}\n`)
}
