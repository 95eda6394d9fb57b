// X.509 certificates (RFC 5280) of a certificate authority and of servers, with ECDSA keys. Node reads certificates but cannot
// write them; the smallest library that can is a third of a megabyte and needs decorator metadata.
import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

import { bitString, derElement, identifier, integer, octetString, sequence, text, time, yes } from './der.ts'

/** A key and its certificate, as PEM. */
export interface KeyPair {
  key: string
  cert: string
}

/** The issuer of a certificate. */
export interface Issuer {
  name: string
  key: KeyObject
}

const ecdsaWithSha256 = sequence(identifier('1.2.840.10045.4.3.2'))

/** A distinguished name that consists of a common name. */
function nameOf(common: string): Buffer {
  return sequence(derElement(0x31, sequence(identifier('2.5.4.3'), text(common))))
}

function extension(id: string, value: Buffer, isCritical = false): Buffer {
  return sequence(identifier(id), ...(isCritical ? [yes] : []), octetString(value))
}

/** Any identifier of a key is allowed, if it is the same in both certificates (RFC 5280, 4.2.1.2). */
function keyIdentifier(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(spki).digest().subarray(0, 20)
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  // A URL has it as eight hexadecimal groups, with :: for a run of zeros.
  const [left = '', right = ''] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::')
  const [before = [], after = []] = [left, right].map((part) => part.split(':').filter((group) => group !== ''))
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex')
}

/** The names and addresses that a server's certificate is for. */
function alternativeNames(names: readonly string[]): Buffer {
  const general = names.map((name) =>
    isIP(name) === 0 ? derElement(0x82, Buffer.from(name, 'latin1')) : derElement(0x87, addressBytes(name)),
  )
  return extension('2.5.29.17', sequence(...general))
}

/** The validity of a certificate. */
export interface Validity {
  from: Date
  to: Date
}

function issue(subject: string, key: KeyObject, issuer: Issuer, validity: Validity, extensions: Buffer[]): string {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const serial = randomBytes(16)
  serial[0] = 0x01
  const signed = sequence(
    derElement(0xa0, integer(Buffer.of(2))),
    integer(serial),
    ecdsaWithSha256,
    nameOf(issuer.name),
    sequence(time(validity.from), time(validity.to)),
    nameOf(subject),
    publicKey,
    derElement(
      0xa3,
      sequence(
        ...extensions,
        extension('2.5.29.14', octetString(keyIdentifier(key))),
        extension('2.5.29.35', sequence(derElement(0x80, keyIdentifier(issuer.key)))),
      ),
    ),
  )
  const der = sequence(signed, ecdsaWithSha256, bitString(sign('sha256', signed, issuer.key)))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** Issues the certificate of an authority, which may sign certificates of servers. */
export function issueAuthority(authority: Issuer, validity: Validity): string {
  return issue(authority.name, authority.key, authority, validity, [
    extension('2.5.29.19', sequence(yes, integer(Buffer.of(0))), true),
    // keyCertSign and cRLSign.
    extension('2.5.29.15', bitString(Buffer.of(0x06), 1), true),
  ])
}

/** Issues the certificate of a server for some names and addresses. */
export function issueServer(names: readonly string[], key: KeyObject, issuer: Issuer, validity: Validity): string {
  // Clients read the alternative names; the subject's name may have 64 characters only (RFC 5280, A.1), and a host name 253.
  return issue('metalkit lab', key, issuer, validity, [
    extension('2.5.29.19', sequence(), true),
    // digitalSignature.
    extension('2.5.29.15', bitString(Buffer.of(0x80), 7), true),
    // serverAuth.
    extension('2.5.29.37', sequence(identifier('1.3.6.1.5.5.7.3.1'))),
    alternativeNames(names),
  ])
}
