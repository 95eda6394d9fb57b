// Finds the names nearest to a mistyped one.

/** Edit distance (Levenshtein): the insertions, deletions and substitutions that turn one word into the other. */
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

/** The candidate that a word probably misspells: at most three letters off, and at least half of them right; otherwise undefined. */
export function findSlip(word: string, candidates: readonly string[]): string | undefined {
  const [first] = nearest(word, candidates)
  if (first === undefined) return undefined
  const far = distance(word.toLowerCase(), first.toLowerCase())
  return far <= 3 && far <= Math.max(word.length, first.length) / 2 ? first : undefined
}
