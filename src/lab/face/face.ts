// A face: the API and the consoles of one cloud over a lab's devices. Everything else of a lab is the same for every cloud.
import type { Address } from '../../address.ts'
import type { Reporter } from '../../io.ts'
import type { Catalogue } from '../cloud/catalogue.ts'
import type { Cloud, IdKind } from '../cloud/cloud.ts'
import type { Devices } from '../cloud/life/devices.ts'
import type { Pace } from '../cloud/pace.ts'
import type { CloudWords } from '../cloud/words.ts'
import type { FaultDialect } from '../faults/dialect.ts'
import type { FaultPlan } from '../faults/faults.ts'
import type { Door } from '../sos/door.ts'
import type { LabKeys } from '../sos/ssh-keys.ts'
import type { LabAnswer } from '../web/answer.ts'
import type { RateLimit } from '../web/rate-limit.ts'
import type { Handler } from '../web/request.ts'

/** The addresses and secrets that clients need to use a lab. */
export interface LabContact {
  /** The origin of its server, `http://127.0.0.1:7070`. */
  origin: string
  /** The API's URL: the origin and the face's path. */
  apiUrl: string
  /** Where its consoles listen. */
  sos: Address
  token: string
  /** The id of its first project. */
  projectId: string
  /** The private key that opens the consoles. */
  userKeyPath: string
  /** A known_hosts file with the host key of the consoles. */
  knownHostsPath: string
  /** The variables that make clients trust its certificate; {} without TLS. */
  trust: Record<string, string>
}

/** What a face may need for its variables. */
export interface FacePlace {
  contact: LabContact
  cloud: Cloud
  keys: LabKeys
  /** The folder of all labs' keys. */
  stateFolder: string
}

/** What the API of a face is made of. */
export interface FaceParts extends FacePlace {
  devices: Devices
  pace: Pace
  faults: FaultPlan
  rateLimit: RateLimit
  report: Reporter
}

/** What the consoles of a face are made of. */
export interface ConsoleParts {
  cloud: Cloud
  devices: Devices
  pace: Pace
  keys: LabKeys
  faults: FaultPlan
  report: Reporter
}

/** The servers of a face, which take longer to load than the face itself. */
export interface FaceServers {
  /** Answers requests to the API. The path begins after the face's `apiPath`. */
  createApi(parts: FaceParts): Handler<LabAnswer>
  /** Serves the consoles on a port that is already open. */
  startConsoles(parts: ConsoleParts, door: Door): Promise<AsyncDisposable>
  /** Lets requests to the lab's own routes through; by default those with the lab's token in X-Auth-Token. */
  guard?: (cloud: Cloud, next: Handler<LabAnswer>) => Handler<LabAnswer>
}

/** A face. It loads with the command line, so its module imports neither ssh2 nor zod. */
export interface Face {
  /** As `--cloud` names it. */
  readonly name: string
  /** As people name the cloud. */
  readonly title: string
  /** The path of the API on the lab's server: `/metal/v1`, or '' for the root. */
  readonly apiPath: string
  readonly catalogue: Catalogue
  /** Whether failed devices stay until they are deleted; otherwise the cloud takes them back. */
  readonly keepsFailed: boolean
  readonly faults: FaultDialect
  readonly words: CloudWords
  /** How long the firmware of a simulated machine waits for a session: longer where a console has to be asked for. */
  readonly selfTestMs?: number
  /** Creates an id in the form of the cloud. */
  createId(kind: IdKind): string
  /** A refusal that is not about any object: of a body that is too long, or of a lab that cannot save. */
  refuse: (status: number, message: string, headers?: Record<string, string>) => LabAnswer
  /** How its consoles are reached with ssh, as one line. */
  describeConsole(contact: LabContact): string
  /** The variables by which clients find the lab. */
  environment(place: FacePlace): Record<string, string> | Promise<Record<string, string>>
  load(): Promise<FaceServers>
}
