// Comparison of secrets.
import { createHash, timingSafeEqual } from 'node:crypto'

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Compares two secrets in constant time, so that timing does not reveal where they differ. */
export function isSameSecret(secret: string, expected: string): boolean {
  return timingSafeEqual(digest(secret), digest(expected))
}

/** Finds whose secret a text is. Compares in constant time, and digests the secret of each owner only once. */
export class SecretOwners<T extends object> {
  readonly #secretOf: (owner: T) => string
  readonly #digests = new WeakMap<T, Buffer>()

  /** @param secretOf the secret of an owner, which never changes */
  constructor(secretOf: (owner: T) => string) {
    this.#secretOf = secretOf
  }

  /** The owner of a secret; undefined if nobody has it. */
  find(secret: string, owners: Iterable<T>): T | undefined {
    const wanted = digest(secret)
    for (const owner of owners) if (timingSafeEqual(wanted, this.#digestOf(owner))) return owner
    return undefined
  }

  #digestOf(owner: T): Buffer {
    const known = this.#digests.get(owner) ?? digest(this.#secretOf(owner))
    this.#digests.set(owner, known)
    return known
  }
}
