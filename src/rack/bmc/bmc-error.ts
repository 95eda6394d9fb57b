// Failures between the rack and the device that switches a machine.
import { RackError } from '../../errors.ts'

/**
 * `unreachable`: no answer; `login`: the user or password is wrong; `certificate`: another one than expected; `refused`: the
 * command was understood and refused; `other-machine`: it belongs to another machine; `taken`: somebody else has the machine;
 * `late`: accepted, but it did not happen in time; `unsupported`: it cannot do that; `failed`: everything else.
 */
export type BmcFailure =
  | 'unreachable'
  | 'login'
  | 'certificate'
  | 'refused'
  | 'other-machine'
  | 'taken'
  | 'late'
  | 'unsupported'
  | 'failed'

/** A machine could not be switched or asked. Says nothing about whether the machine is on. */
export class BmcError extends RackError {
  readonly reason: BmcFailure

  constructor(reason: BmcFailure, message: string, options: ConstructorParameters<typeof RackError>[1] = {}) {
    super(message, options)
    this.reason = reason
  }
}
