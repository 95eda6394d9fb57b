// Which valid names are nearest to one that the API refused.
import { ApiError } from '../errors.ts'
import type { MetalClient } from './client.ts'

/** Edit distance (Levenshtein), the insertions, deletions and substitutions that make one word the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** The five candidates nearest to a word, nearest first. */
export function nearest(word: string, candidates: readonly string[]): string[] {
  const scored = candidates.map((candidate) => ({
    candidate,
    far: distance(word.toLowerCase(), candidate.toLowerCase()),
  }))
  return scored
    .toSorted((a, b) => a.far - b.far)
    .slice(0, 5)
    .map(({ candidate }) => candidate)
}

/**
 * A refused create (422) again, with the nearest valid plans or metros as the hint where the plan or the metro is not
 * one that the API lists. Any other error comes back as it is.
 */
export async function withSuggestions(
  client: MetalClient,
  refusal: unknown,
  { projectId, plan, metro }: { projectId: string; plan: string; metro: string },
): Promise<unknown> {
  if (!(refusal instanceof ApiError) || refusal.status !== 422) return refusal
  try {
    const plans = (await client.listPlans(projectId)).map(({ slug }) => slug)
    const metros = (await client.listMetros()).map(({ code }) => code)
    const hints = [
      plans.includes(plan) ? '' : `plans like "${plan}" are ${nearest(plan, plans).join(', ')}`,
      metros.includes(metro) ? '' : `metros like "${metro}" are ${nearest(metro, metros).join(', ')}`,
    ].filter((hint) => hint !== '')
    if (hints.length === 0) return refusal
    return new ApiError(refusal.message, { status: refusal.status, hint: hints.join('; '), cause: refusal })
  } catch {
    // The lists are a help only: without them the refusal stands as it is.
    return refusal
  }
}
