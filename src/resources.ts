// Resources that are acquired one after another and disposed together (AsyncDisposableStack, which Node 20 lacks).

/** Disposes the resources that it holds, latest first. Until `keep` hands them on, `await using` disposes them if a later step fails. */
export class Resources implements AsyncDisposable {
  #held: (AsyncDisposable | Disposable)[] = []

  /** Holds a resource. @returns the resource */
  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    this.#held.push(resource)
    return resource
  }

  /** Hands everything on to a new owner, and holds nothing more. */
  keep(): Resources {
    const owner = new Resources()
    owner.#held = this.#held
    this.#held = []
    return owner
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of this.#held.splice(0).toReversed()) {
      if (Symbol.asyncDispose in resource) await resource[Symbol.asyncDispose]()
      else resource[Symbol.dispose]()
    }
  }
}
