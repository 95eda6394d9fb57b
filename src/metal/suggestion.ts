// The valid names closest to one that the API refused.
import { ApiError } from '../errors.ts'
import { nearest } from '../text/nearest.ts'
import type { MetalClient } from './client.ts'

/** Whether a text holds a name as a word. */
function mentions(text: string, name: string): boolean {
  return text.split(/[^\w.-]+/).includes(name)
}

/**
 * Adds the closest valid plans or metros to a refused create (422) if the API does not list the plan or metro; if both are
 * unlisted, only for the one that the refusal names. Returns any other error unchanged.
 */
export async function withSuggestions(
  client: MetalClient,
  refusal: unknown,
  { projectId, plan, metro }: { projectId: string; plan: string; metro: string },
): Promise<unknown> {
  if (!(refusal instanceof ApiError) || refusal.status !== 422) return refusal
  try {
    const lists = [
      { kind: 'plans', name: plan, known: (await client.listPlans(projectId)).map(({ slug }) => slug) },
      { kind: 'metros', name: metro, known: (await client.listMetros()).map(({ code }) => code) },
    ]
    // An unlisted plan may still exist.
    const unknown = lists.filter(({ name, known }) => !known.includes(name))
    const named = unknown.filter(({ name }) => mentions(refusal.message, name))
    const hints = (named.length > 0 ? named : unknown).map(
      ({ kind, name, known }) => `${kind} similar to "${name}": ${nearest(name, known).join(', ')}`,
    )
    if (hints.length === 0) return refusal
    return refusal.advise(hints.join('; '))
  } catch {
    // The lists are only a help: without them the refusal stays unchanged.
    return refusal
  }
}
