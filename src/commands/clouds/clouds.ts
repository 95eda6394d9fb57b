// The table of clouds: what commands and their help need to know about each. Pure data, so that --help loads nothing else; a
// cloud's folder is imported when one of its machines is asked for.
import { type Arch, archOfPlan } from '../../arch.ts'
import { UsageError } from '../../errors.ts'
import { latitudeScript, ociScript } from '../../ipxe/cloud-differences.ts'
import type { CloudScript } from '../../ipxe/boot-script.ts'
import { runMarkForm, serverIdForm } from '../../latitude/mark.ts'
import type { Cloud, CloudContext } from '../../machine/cloud.ts'
import { runFlagNames } from '../../options/command-flags.ts'
import { type FlagName, flags } from '../../options/flags.ts'

/** The module of a cloud. `options` has the values of the cloud's flags, by the names that commands use for them. */
interface CloudModule {
  open(options: object, context: CloudContext): Promise<Cloud>
}

/** A part of an account. */
interface Part {
  name: string
  /** The flag without which it cannot be checked. */
  needs?: string
  /** Whether it is checked as before a rent: what would be rented, and whether it can be. */
  isOffer?: true
}

/** A cloud. */
export interface CloudRow {
  /** As the words of commands: `run equinixmetal`. */
  name: string
  title: string
  /** Flags of its own, by the name that commands use for them: `machine` is the plan on every cloud. */
  own: Readonly<Record<string, FlagName>>
  /** Flags of `run` that it does not have, by their names on the command line, and what it has instead. */
  instead: Readonly<Record<string, string>>
  /** Its boot script; undefined for linuxkit's own. */
  script?: CloudScript
  /** The architecture of a plan's machines. @param plan undefined if none was chosen */
  archOf: (plan: string | undefined) => Arch
  /** A plan of each architecture, for hints. */
  plans: Readonly<Record<Arch, string>>
  /** What the ids of its machines, and the marks of its runs, look like. */
  idForm: RegExp
  markForm: RegExp
  /** How its ids and marks begin, if no other cloud's do. */
  beginning?: RegExp
  /** The parts of an account that doctor checks, the credentials first. */
  parts: readonly [Part, ...Part[]]
  /** Whether there are credentials, without a request. @param options the values of its flags */
  hasCredentials: (options: Readonly<Record<string, unknown>>, env: CloudContext['env']) => boolean | Promise<boolean>
  examples: readonly string[]
  load: () => Promise<CloudModule>
}

const equinixMetal: CloudRow = {
  name: 'equinixmetal',
  title: 'Equinix Metal',
  own: {},
  instead: { yes: 'run asks nothing: --device keeps the disks' },
  archOf: (plan = '') => archOfPlan(plan),
  plans: { x86_64: 'c3.small.x86', aarch64: 'c3.large.arm64' },
  idForm: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  markForm: /^metalkit-run-/,
  parts: [{ name: 'token' }, { name: 'project', needs: 'projectId' }],
  hasCredentials: ({ apiKey }) => apiKey !== undefined,
  examples: [
    '-serve :8080 -base-url http://198.51.100.7:8080 linuxkit',
    '-serve :8080 -tunnel ssh://me@boot.example.com linuxkit',
    '-base-url http://boot.example.com -machine c3.large.arm64 -keep linuxkit',
    "-base-url http://boot.example.com -wait-for 'login:' -timeout 20m linuxkit",
  ],
  load: () => import('../../metal/equinix-metal.ts'),
}

const oci: CloudRow = {
  name: 'oci',
  title: 'Oracle Cloud',
  own: {
    machine: 'ociShape',
    metro: 'ociAvailabilityDomain',
    compartment: 'ociCompartment',
    subnet: 'ociSubnet',
    image: 'ociImage',
    profile: 'ociProfile',
    configFile: 'ociConfigFile',
    apiUrl: 'ociApiUrl',
  },
  instead: {
    'api-key': 'requests are signed with the key of a --profile',
    'project-id': 'name the --compartment',
    metro: 'name the --availability-domain, in the region of the --profile',
    zone: 'name the --availability-domain, in the region of the --profile',
    'always-pxe': 'the script of an instance runs at every boot',
    ttl: 'its instances have no end; run metalkit rm --older-than at intervals',
    sos: 'the API names the console of each machine',
    yes: 'run asks nothing: --device keeps the disks',
  },
  script: ociScript,
  archOf: (plan = '') => (/\.A\d/i.test(plan) ? 'aarch64' : 'x86_64'),
  plans: { x86_64: 'BM.Standard.E4.128', aarch64: 'BM.Standard.A1.160' },
  idForm: /^ocid1\.instance\./,
  markForm: /^mko-/,
  beginning: /^(?:ocid1\.|mko-)/i,
  parts: [{ name: 'profile' }, { name: 'compartment' }, { name: 'machine', isOffer: true }],
  async hasCredentials({ configFile }, env) {
    const { hasConfig } = await import('../../oci/config-file.ts')
    return await hasConfig(typeof configFile === 'string' ? configFile : undefined, env)
  },
  examples: [
    '-machine BM.Standard.E4.128 -serve :8080 -base-url http://198.51.100.7:8080 linuxkit',
    "-machine BM.Standard.A1.160 -base-url http://boot.example.com -wait-for 'login:' linuxkit",
  ],
  load: () => import('../../oci/oci.ts'),
}

const latitude: CloudRow = {
  name: 'latitude',
  title: 'Latitude.sh',
  own: {
    machine: 'latitudePlan',
    metro: 'latitudeSite',
    apiKey: 'latitudeApiKey',
    projectId: 'latitudeProject',
    apiUrl: 'latitudeApiUrl',
  },
  instead: {
    zone: '--metro names a site, which is one facility',
    hostname: "the host name carries the run's mark",
    ttl: 'its API deletes no machine at a time; delete old ones with metalkit rm --older-than',
    sos: "its API names the host of each machine's console",
  },
  script: latitudeScript,
  // The only plan with arm64 has no mark of it in its name.
  archOf: (plan = '') => (plan.toLowerCase().includes('gh200') ? 'aarch64' : archOfPlan(plan)),
  plans: { x86_64: 'c3-small-x86', aarch64: 'g3-gh200' },
  idForm: serverIdForm,
  markForm: runMarkForm,
  beginning: /^(?:sv_|mk-)/i,
  parts: [{ name: 'token' }, { name: 'project', needs: 'projectId' }, { name: 'machine', isOffer: true }],
  hasCredentials: ({ apiKey }) => apiKey !== undefined,
  examples: [
    '-machine c3-small-x86 -metro DAL -serve :8080 -base-url http://198.51.100.7:8080 linuxkit',
    "-machine c3-small-x86 -metro DAL -base-url http://boot.example.com -wait-for 'login:' -timeout 40m linuxkit",
    '-base-url http://boot.example.com -device sv_LqG158rA60BOg -yes linuxkit',
  ],
  load: () => import('../../latitude/latitude.ts'),
}

/** The first one has the machines whose ids have no other cloud's form. */
export const clouds: readonly [CloudRow, ...CloudRow[]] = [equinixMetal, latitude, oci]

/** The cloud of a machine's id or a run's mark. @throws UsageError for what begins like one of a cloud and is neither */
export function cloudOf(name: string): CloudRow {
  const cloud = clouds.find(({ idForm, markForm }) => idForm.test(name) || markForm.test(name))
  if (cloud !== undefined) return cloud
  const near = clouds.find(({ beginning }) => beginning?.test(name))
  if (near === undefined) return clouds[0]
  throw new UsageError(`"${name}" is neither the ID of a machine of ${near.name} nor the mark of one of its runs`, {
    hint: 'metalkit ls lists the machines',
  })
}

/** The flags of `run` on a cloud. */
export function runFlagsOf({ own, instead }: CloudRow): FlagName[] {
  const kept = runFlagNames.filter((name) => !Object.hasOwn(instead, flags[name].name) && !Object.hasOwn(own, name))
  return [...kept, ...Object.values(own)]
}
