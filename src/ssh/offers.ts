// What is offered to a server at login: the keys one by one, then the password once.
import type { AnyAuthMethod, AuthHandlerMiddleware, KeyboardInteractiveAuthMethod } from 'ssh2'
import type { Identities } from './identities.ts'

/** The password among the things that were tried. */
export const thePassword = 'the password'

type Prompt = KeyboardInteractiveAuthMethod['prompt']

/** Answers the question for a password, and no other. */
function answerWith(password: string): Prompt {
  return (_name, _instructions, _language, questions, finish) => {
    const [first] = questions
    finish(questions.length === 1 && first?.echo !== true ? [password] : questions.map(() => ''))
  }
}

/** Offers the identities in order, and records what it tried; RSA keys with SHA-1 only where that is allowed. */
export function createOffers(
  username: string,
  identities: Identities,
  isSha1Allowed = false,
): { next: AuthHandlerMiddleware; tried: string[] } {
  const rest = [...identities.keys]
  const tried: string[] = []

  function offerPassword(password: string, methods: readonly string[]): AnyAuthMethod | false {
    if (tried.includes(thePassword)) return false
    const plain = methods.includes('password')
    // sshd asks through keyboard-interactive if PAM checks passwords.
    if (!plain && !methods.includes('keyboard-interactive')) return false
    tried.push(thePassword)
    return plain
      ? { type: 'password', username, password }
      : { type: 'keyboard-interactive', username, prompt: answerWith(password) }
  }

  /** `methodsLeft` is null until the server has named some. */
  const next = (methodsLeft: readonly string[] | null) => {
    const identity = methodsLeft === null || methodsLeft.includes('publickey') ? rest.shift() : undefined
    if (identity !== undefined) {
      tried.push(`${identity.label} (${identity.type})`)
      return { type: 'agent', username, agent: isSha1Allowed ? identity.sha1Signer : identity.signer }
    }
    if (identities.password === undefined) return false
    return methodsLeft === null ? { type: 'none', username } : offerPassword(identities.password, methodsLeft)
  }
  return { next, tried }
}
