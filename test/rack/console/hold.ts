// Opens the console of a rack file's first machine and holds it until it is killed.
import { createReporter } from '../../../src/io.ts'
import { openRackConsole } from '../../../src/rack/console/open-console.ts'
import { readRackFile } from '../../../src/rack/file/rack-file.ts'

async function hold(path: string, isDeaf: boolean): Promise<void> {
  const file = await readRackFile(path)
  const [machine] = file.machines
  if (machine === undefined) throw new Error('no machine')
  const report = createReporter({ stderr: process.stderr, verbosity: 0 })
  const { signal } = new AbortController()
  const { line } = await openRackConsole(machine, file, { env: process.env, report, signal })
  process.stdout.write('open\n')
  if (!isDeaf) line.resume()
}

void hold(process.argv[2] ?? '', process.argv[3] === 'deaf')
