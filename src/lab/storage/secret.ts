// Comparison of secrets.
import { createHash, timingSafeEqual } from 'node:crypto'

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Compares two secrets in constant time, so that timing does not reveal where they differ. */
export function isSameSecret(secret: string, expected: string): boolean {
  return timingSafeEqual(digest(secret), digest(expected))
}
