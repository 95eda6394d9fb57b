// The API that the flags name, for every command that asks it.
import type { Context } from '../io.ts'
import { MetalClient } from '../metal/client.ts'
import type { Options } from '../options/flags.ts'
import { requireOption } from '../options/precedence.ts'

/** A client of --api-url with the token of --api-key. @throws UsageError where there is no token */
export function openClient(options: Options<'apiUrl' | 'apiKey'>, { env, report, clock }: Context): MetalClient {
  return new MetalClient({ apiUrl: options.apiUrl, token: requireOption('apiKey', options.apiKey), env, report, clock })
}
