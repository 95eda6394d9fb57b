import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { signRequest } from '../../src/oci/signer.ts'
import { exampleKey } from './example-key.ts'

// The requests, key and signatures of oracle/oci-go-sdk's own test (common/http_signer_test.go at 7ce2eb7c).
const signatory = {
  keyId:
    'ocid1.tenancy.oc1..aaaaaaaaba3pv6wkcr4jqae5f15p2b2m2yt2j6rx32uzr4h25vqstifsfdsq/' +
    'ocid1.user.oc1..aaaaaaaat5nvwcna5j6aqzjcaty5eqbb6qt2jvpkanghtgdaqedqw3rynjq/20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34',
  key: createPrivateKey(exampleKey),
}
const date = 'Thu, 05 Jan 2014 21:31:40 GMT'
const api = 'https://iaas.us-phoenix-1.oraclecloud.com/20160918'
const compartment = 'ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa'
const volume = 'ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q'

describe('the published examples', () => {
  test('a GET', () => {
    const url = new URL(
      `${api}/instances?availabilityDomain=Pjwf%3A%20PHX-AD-1&compartmentId=${compartment}&displayName=TeamXInstances&volumeId=${volume}`,
    )
    expect(signRequest({ method: 'GET', url, body: undefined, date }, signatory)).toEqual({
      date,
      authorization:
        `Signature version="1",headers="date (request-target) host",keyId="${signatory.keyId}",algorithm="rsa-sha256",` +
        'signature="GBas7grhyrhSKHP6AVIj/h5/Vp8bd/peM79H9Wv8kjoaCivujVXlpbKLjMPeDUhxkFIWtTtLBj3sUzaFj34XE6YZAHc9r2DmE4pMwOAy/kiITcZxa1oHPOeRheC0jP2dqbTll8fmTZVwKZOKHYPtrLJIJQHJjNvxFWeHQjMaR7M="',
    })
  })

  test('a POST', () => {
    const body = `{
    "compartmentId": "${compartment}",
    "instanceId": "ocid1.instance.oc1.phx.abuw4ljrlsfiqw6vzzxb43vyypt4pkodawglp3wqxjqofakrwvou52gb6s5a",
    "volumeId": "${volume}"
}`
    expect(signRequest({ method: 'POST', url: new URL(`${api}/volumeAttachments`), body, date }, signatory)).toEqual({
      date,
      'content-length': '316',
      'content-type': 'application/json',
      'x-content-sha256': 'V9Z20UJTvkvpJ50flBzKE32+6m2zJjweHpDMX/U4Uy0=',
      authorization:
        `Signature version="1",headers="date (request-target) host content-length content-type x-content-sha256",keyId="${signatory.keyId}",algorithm="rsa-sha256",` +
        'signature="Mje8vIDPlwIHmD/cTDwRxE7HaAvBg16JnVcsuqaNRim23fFPgQfLoOOxae6WqKb1uPjYEl0qIdazWaBy/Ml8DRhqlocMwoSXv0fbukP8J5N80LCmzT/FFBvIvTB91XuXI3hYfP9Zt1l7S6ieVadHUfqBedWH0itrtPJBgKmrWso="',
    })
  })
})

test('a request without a body but with a method that may have one signs the empty body', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const url = new URL('http://127.0.0.1:7070/20160918/instances/ocid1.instance.x?action=RESET')
  const signed = signRequest({ method: 'POST', url, body: undefined, date }, { keyId: 'ST$token', key: privateKey })
  const empty = createHash('sha256').digest('base64')
  expect(signed).toMatchObject({ 'content-length': '0', 'x-content-sha256': empty })
  const text = [
    `date: ${date}`,
    '(request-target): post /20160918/instances/ocid1.instance.x?action=RESET',
    'host: 127.0.0.1:7070',
    'content-length: 0',
    'content-type: application/json',
    `x-content-sha256: ${empty}`,
  ].join('\n')
  const { authorization = '' } = signed
  expect(authorization).toContain('keyId="ST$token"')
  const signature = Buffer.from(/signature="(.*)"$/.exec(authorization)?.[1] ?? '', 'base64')
  expect(verify('sha256', Buffer.from(text), publicKey, signature)).toBe(true)
  expect(verify('sha256', Buffer.from(text), createPublicKey(exampleKey), signature)).toBe(false)
})
