// The algorithms for console servers: nothing based on SHA-1, except for a host that has nothing else and is reached inside the
// tunnel of a checked host. ssh2's other algorithms are left out.
import type { Algorithms, NegotiatedAlgorithms, ServerHostKeyAlgorithm } from 'ssh2'
import ssh2Crypto from 'ssh2/lib/protocol/crypto.js'

/** The signatures to request for a known key type; for RSA not the one that the type is named after (RFC 8332). */
const signatures: Record<string, ServerHostKeyAlgorithm[]> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
}

/**
 * The algorithms to offer, with host keys of known types first: a key of another type must not look like a change.
 * @param isSha1Allowed whether the host may prove its key with `ssh-rsa` if it has nothing better
 */
export function chooseAlgorithms(knownTypes: readonly string[], isSha1Allowed = false): Algorithms {
  const order = [...new Set([...knownTypes, ...Object.keys(signatures)])]
  const hostKeys = order.flatMap((type) => (Object.hasOwn(signatures, type) ? (signatures[type] ?? []) : []))
  return {
    kex: [
      'curve25519-sha256',
      'curve25519-sha256@libssh.org',
      'ecdh-sha2-nistp256',
      'ecdh-sha2-nistp384',
      'ecdh-sha2-nistp521',
      'diffie-hellman-group-exchange-sha256',
      'diffie-hellman-group14-sha256',
      'diffie-hellman-group16-sha512',
      'diffie-hellman-group18-sha512',
    ],
    serverHostKey: isSha1Allowed ? [...hostKeys, 'ssh-rsa'] : hostKeys,
    hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
    // AES-GCM is the cheapest in Node; without ssh2's native part, chacha20 costs many times as much.
    cipher: [
      'aes128-gcm@openssh.com',
      'aes256-gcm@openssh.com',
      'chacha20-poly1305@openssh.com',
      'aes128-ctr',
      'aes192-ctr',
      'aes256-ctr',
    ],
    compress: ['none'],
  }
}

/**
 * True if ssh2 copies the bytes that it reads from now on: Node decrypts AES-GCM into its own memory. ssh2's native part,
 * which is not bundled, decrypts in place, and other ciphers keep slices of the input.
 */
export function keepsNothing({ sc }: NegotiatedAlgorithms): boolean {
  return sc.cipher.endsWith('-gcm@openssh.com') && !ssh2Crypto.bindingAvailable
}
