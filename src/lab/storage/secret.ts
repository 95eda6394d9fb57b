// Comparison of secrets.
import { createHash, timingSafeEqual } from 'node:crypto'

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Compares in a time that does not depend on where the texts differ. */
export function isSameSecret(secret: string, expected: string): boolean {
  return timingSafeEqual(digest(secret), digest(expected))
}
