// The server's certificate and key.
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { describeCondition, ServeError } from '../errors.ts'

/** A certificate with its chain, and its private key, as PEM. */
export interface Tls {
  cert: Buffer
  key: Buffer
}

async function readPem(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new ServeError(`the ${what} "${path}" cannot be read: ${describeCondition(cause)}`, {
      hint: 'name a PEM file',
      cause,
    })
  }
}

/** Reads a certificate and its key, and checks that they match. @throws ServeError, which never quotes the files' contents */
export async function loadTls(certPath: string, keyPath: string): Promise<Tls> {
  const cert = await readPem(certPath, 'certificate')
  const key = await readPem(keyPath, 'key')
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(cert)
  } catch {
    throw new ServeError(`the certificate "${certPath}" is not in PEM format`, {
      hint: 'it begins with -----BEGIN CERTIFICATE-----',
    })
  }
  try {
    createSecureContext({ cert, key })
  } catch {
    throw new ServeError(`the key "${keyPath}" does not match the certificate "${certPath}"`, {
      hint: 'name its private key in PEM format, without a passphrase',
    })
  }
  if (Date.parse(certificate.validTo) < Date.now()) {
    throw new ServeError(`the certificate "${certPath}" expired on ${certificate.validTo}`, { hint: 'renew it' })
  }
  return { cert, key }
}
