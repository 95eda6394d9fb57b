// The certificate of --tls-cert and --tls-key.
import { type LabError, type ServeError, UsageError } from '../../errors.ts'
import { loadTls, type Tls } from '../../serve/tls.ts'

/** Loads the certificate and key, which must be given together; undefined without both. @throws a Failure for unusable files */
export async function chooseTls(
  cert: string | undefined,
  key: string | undefined,
  Failure?: typeof ServeError | typeof LabError,
): Promise<Tls | undefined> {
  if (cert !== undefined && key !== undefined) return await loadTls(cert, key, Failure)
  if (cert === undefined && key === undefined) return undefined
  const [present, missing] = cert === undefined ? ['tls-key', 'tls-cert'] : ['tls-cert', 'tls-key']
  throw new UsageError(`--${present} is given without --${missing}`, { hint: 'pass both, or neither for plain HTTP' })
}
