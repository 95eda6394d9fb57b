// How the rack's file names an OpenStack Ironic: one of its nodes as the `power` of a machine, or all nodes of a class as machines.
import { z } from 'zod'
import { isLoopback } from '../../http/proxy.ts'
import { choice, field, fingerprint, type Secret, secret, section, slug, word } from './fields.ts'

/** Where an Ironic is, and how to log in to it. */
export interface IronicService {
  /** Its address, without a version and without a slash at the end. */
  url: string
  /** A user of HTTP basic authentication, or a token of Keystone; undefined if it wants no login. */
  login: { user: string; password: Secret } | { token: Secret } | undefined
  /** SHA-256 of its certificate; if undefined, an authority that this computer trusts must have signed it. */
  certificate: string | undefined
}

/** A node of an Ironic. */
export interface IronicSettings {
  kind: 'ironic'
  service: IronicService
  /** Its name or UUID. */
  node: string
}

/** All nodes of a resource class. */
export interface FleetSettings {
  service: IronicService
  resourceClass: string
  /** The slug of their plan. */
  plan: string
  /** Of nodes that do not tell theirs. */
  firmware: 'bios' | 'uefi'
}

const address = field('a URL such as https://ironic.example.com:6385', (value) => {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || url.hostname === '' || !/^https?:$/.test(url.protocol)) return undefined
  if (url.username !== '' || url.password !== '') {
    return { clause: 'must not contain a user or a password; write user and password: {file: PATH} beside it' }
  }
  if (url.search + url.hash !== '') return undefined
  return { value: (url.origin + url.pathname).replace(/\/+(v1\/*)?$/, '') }
})

const login = {
  ironic: address,
  user: word('the name of a user of Ironic', /^[^:]+$/).optional(),
  password: secret.optional(),
  token: secret.optional(),
  certificate: fingerprint.optional(),
}

interface Login {
  ironic: string
  user?: string | undefined
  password?: Secret | undefined
  token?: Secret | undefined
  certificate?: string | undefined
}

/** The service that the keys name; a contradiction among them is a mistake of the section. */
function toService(
  { ironic: url, user, password, token, certificate }: Login,
  context: z.RefinementCtx,
): IronicService {
  const complain = (message: string) => void context.issues.push({ code: 'custom', message, input: undefined })
  if ((user === undefined) !== (password === undefined)) complain('needs both user and password, or neither')
  if (token !== undefined && user !== undefined) complain('must have a token, or user and password, but not both')
  const isPlain = url.startsWith('http:')
  if (isPlain && certificate !== undefined) complain('has a certificate, but its URL is not https')
  if (isPlain && (user ?? token) !== undefined && !isLoopback(new URL(url))) {
    complain('must name an https URL: over http the login would be sent in the clear; http is accepted for localhost')
  }
  const basic = user === undefined || password === undefined ? undefined : { user, password }
  return { url, login: token === undefined ? basic : { token }, certificate }
}

const node = word('the name or UUID of a node in Ironic', /^[\w.~-]+$/)

/** A node as the `power` of a machine. */
export const ironicPower = section('a section with ironic and node', { node, ...login }).transform(
  ({ node: name, ...rest }, context): IronicSettings => ({
    kind: 'ironic',
    service: toService(rest, context),
    node: name,
  }),
)

/** All nodes of a class, in the place of a machine. */
export const fleet = section('a section with ironic and resourceClass', {
  ...login,
  resourceClass: word('a resource class of Ironic', /^.{1,80}$/u),
  plan: word('the slug of a plan', slug).optional(),
  firmware: choice('bios', 'uefi').default('uefi'),
}).transform(({ resourceClass, plan, firmware, ...rest }, context): FleetSettings => {
  if (plan === undefined && !slug.test(resourceClass)) {
    const message = `needs a plan: "${resourceClass}" is a resource class of Ironic, but not a slug in small letters`
    context.issues.push({ code: 'custom', message, input: resourceClass })
  }
  return { service: toService(rest, context), resourceClass, plan: plan ?? resourceClass, firmware }
})
