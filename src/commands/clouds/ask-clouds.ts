// Every cloud that the user has credentials of.
import { heed } from '../../deadline.ts'
import type { Context } from '../../io.ts'
import type { Cloud } from '../../machine/cloud.ts'
import { type CloudRow, clouds } from './clouds.ts'
import { openCloud, optionsFor } from './open-cloud.ts'

/** The answers of the clouds, or why there is none. */
export interface Survey<T> {
  answers: { row: CloudRow; cloud: Cloud; answer: T }[]
  failures: { row: CloudRow; error: unknown }[]
}

function byCloud(a: { row: CloudRow }, b: { row: CloudRow }): number {
  return clouds.indexOf(a.row) - clouds.indexOf(b.row)
}

/**
 * Asks every cloud with credentials, in parallel; without any credentials, the first cloud, whose error says what is missing. Flags on
 * the command line belong to the first cloud.
 * @throws the error if only one cloud is asked
 */
export async function askClouds<T>(
  options: object,
  context: Context,
  ask: (cloud: Cloud, options: object) => Promise<T>,
): Promise<Survey<T>> {
  const survey: Survey<T> = { answers: [], failures: [] }
  const candidates = await Promise.all(
    clouds.map(async (row) => {
      try {
        const own = await optionsFor(row, options, context, false)
        const asking = row.hasCredentials(Object.fromEntries(Object.entries(own.options)), context.env)
        const has = await heed(Promise.resolve(asking), context.signal)
        return { row, own, has }
      } catch (error) {
        survey.failures.push({ row, error })
        return undefined
      }
    }),
  )
  const able = candidates.filter((candidate) => candidate !== undefined)
  const chosen = able.some(({ has }) => has) ? able.filter(({ has }) => has) : able.slice(0, 1)
  await Promise.all(
    chosen.map(async ({ row, own }) => {
      try {
        const cloud = await openCloud(row, own.options, own.context)
        survey.answers.push({ row, cloud, answer: await ask(cloud, own.options) })
      } catch (error) {
        survey.failures.push({ row, error })
      }
    }),
  )
  context.signal.throwIfAborted()
  const [failure] = survey.failures
  if (failure !== undefined && survey.answers.length + survey.failures.length === 1) throw failure.error
  survey.answers.sort(byCloud)
  survey.failures.sort(byCloud)
  return survey
}
