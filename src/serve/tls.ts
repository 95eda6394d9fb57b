// The server's certificate and key.
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { type LabError, ServeError } from '../errors.ts'
import { describeCondition } from '../text/system-error.ts'

/** A certificate with its chain, and its private key, as PEM. */
export interface Tls {
  cert: Buffer
  key: Buffer
}

type Failing = typeof ServeError | typeof LabError

async function readPem(path: string, what: string, Failure: Failing): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new Failure(`the ${what} "${path}" cannot be read: ${describeCondition(cause)}`, {
      hint: 'name a PEM file',
      cause,
    })
  }
}

/** Reads a certificate and its key, and checks that they match. @throws ServeError or the given class, which never quotes the files' contents */
export async function loadTls(certPath: string, keyPath: string, Failure: Failing = ServeError): Promise<Tls> {
  const cert = await readPem(certPath, 'certificate', Failure)
  const key = await readPem(keyPath, 'key', Failure)
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(cert)
  } catch {
    throw new Failure(`the certificate "${certPath}" is not in PEM format`, {
      hint: 'it begins with -----BEGIN CERTIFICATE-----',
    })
  }
  try {
    createSecureContext({ cert, key })
  } catch {
    throw new Failure(`the key "${keyPath}" does not match the certificate "${certPath}"`, {
      hint: 'name its private key in PEM format, without a passphrase',
    })
  }
  if (Date.parse(certificate.validTo) < Date.now()) {
    throw new Failure(`the certificate "${certPath}" expired on ${certificate.validTo}`, { hint: 'renew it' })
  }
  return { cert, key }
}
