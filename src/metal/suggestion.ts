// Which valid names are nearest to one that the API refused.
import { ApiError } from '../errors.ts'
import { nearest } from '../text/nearest.ts'
import type { MetalClient } from './client.ts'

/** Whether a text holds a name as a word. */
function mentions(text: string, name: string): boolean {
  return text.split(/[^\w.-]+/).includes(name)
}

/**
 * A refused create (422) again, with the nearest valid plans or metros as the hint if the plan or the metro is not
 * one that the API lists: of both, the one that the refusal names. Any other error comes back as it is.
 */
export async function withSuggestions(
  client: MetalClient,
  refusal: unknown,
  { projectId, plan, metro }: { projectId: string; plan: string; metro: string },
): Promise<unknown> {
  if (!(refusal instanceof ApiError) || refusal.status !== 422) return refusal
  try {
    const lists = [
      { kind: 'plans', given: plan, known: (await client.listPlans(projectId)).map(({ slug }) => slug) },
      { kind: 'metros', given: metro, known: (await client.listMetros()).map(({ code }) => code) },
    ]
    // A plan that is not listed may exist all the same.
    const unknown = lists.filter(({ given, known }) => !known.includes(given))
    const named = unknown.filter(({ given }) => mentions(refusal.message, given))
    const hints = (named.length > 0 ? named : unknown).map(
      ({ kind, given, known }) => `${kind} like "${given}" are ${nearest(given, known).join(', ')}`,
    )
    if (hints.length === 0) return refusal
    return new ApiError(refusal.message, { status: refusal.status, hint: hints.join('; '), cause: refusal })
  } catch {
    // The lists are a help only: without them the refusal stands as it is.
    return refusal
  }
}
