// Why a machine's console cannot be reached.
import { RackError } from '../../errors.ts'

/** A console could not be opened. `refused`: trying again soon does not help, and may lock an account. */
export class LinkError extends RackError {
  readonly refused: boolean

  constructor(message: string, options: ConstructorParameters<typeof RackError>[1] & { refused?: boolean } = {}) {
    super(message, options)
    this.refused = options.refused ?? false
  }
}
