// Patterns of ssh_config and known_hosts (ssh_config(5), "PATTERNS").

/** `*` is any text, `?` any character. It takes linear time, even for malicious patterns. */
export function matchesPattern(name: string, pattern: string): boolean {
  let at = 0
  let star = -1
  let resume = 0
  for (let i = 0; i < name.length;) {
    if (pattern[at] === '*') {
      star = at++
      resume = i
    } else if (pattern[at] === '?' || pattern[at] === name[i]) {
      at++
      i++
    } else if (star >= 0) {
      at = star + 1
      i = ++resume
    } else {
      return false
    }
  }
  return /^\**$/.test(pattern.slice(at))
}

/** A list of patterns: one must match, and no pattern that begins with `!`. */
export function matchesList(name: string, list: string): boolean {
  let isMatch = false
  for (const part of list.split(',')) {
    const negated = part.startsWith('!')
    if (!matchesPattern(name, negated ? part.slice(1) : part)) continue
    if (negated) return false
    isMatch = true
  }
  return isMatch
}
