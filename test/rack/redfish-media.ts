// The virtual media of our own Redfish BMC, and the vices of real ones. docs/rack.md says where each was met.

/** What is wrong with its virtual media. */
export interface MediaVices {
  /** Its slots are under the system, not the manager (iDRAC since 6.00). */
  slotsUnderSystem?: boolean
  /** It has the links to its slots and not the slots. */
  noSlots?: boolean
  /** It refuses Inserted and WriteProtected (Supermicro X11 and X12). */
  refusesInserted?: boolean
  /** It inserts with TransferProtocolType only. */
  needsProtocol?: boolean
  /** It refuses TransferProtocolType. */
  refusesProtocol?: boolean
  /** It wants a user, though the server asks for none (NVIDIA DGX). */
  needsUser?: boolean
  /** It has no actions: its slots are changed by PATCH, and insert nothing unless they are told to (Lenovo XCC). */
  mediaByPatch?: boolean
  /** A change of a slot wants its ETag. */
  slotNeedsEtag?: boolean
  /** It shows the names of an image that was ejected (Supermicro). */
  keepsImageName?: boolean
  /** That many inserts answer 500, and the slot then reads as inserted (sushy-tools). */
  failedInserts?: number
  /** That many ejects answer 500, and the image stays (iDRAC). */
  failedEjects?: number
  /** An eject goes on for that time after its answer; an insert meanwhile answers 500 (iDRAC). */
  ejectTakesMs?: number
  /** An eject wants an object, though it is empty (HPE). */
  ejectNeedsObject?: boolean
  /** An eject wants no body. */
  ejectRefusesBody?: boolean
  /** Virtual media needs a license: the status of the refusal (Supermicro 403, HPE 400). */
  needsLicense?: number
  /** It cannot load the image (iDRAC). */
  cannotLoad?: boolean
  /** It answers 204 to an insert and does nothing. */
  ignoresInsert?: boolean
  /** Its first slot for discs is for its own console only, and answers 405 (Cisco). */
  consoleSlot?: boolean
  /** It has actions of its own besides, and paths of before Redfish (HPE iLO); ilorest knows only these. */
  hpe?: boolean
  /** The types of its slots for discs. */
  discTypes?: string[]
}

/** A slot. */
export interface MediaSlot {
  types: string[]
  image: string | null
  name: string | null
  inserted: boolean
}

/** What to answer to a request. */
export interface MediaReply {
  status: number
  json?: unknown
  headers?: Record<string, string>
}

type Refuse = (status: number, id: string, quoted?: unknown) => MediaReply

function emptySlot(...types: string[]): MediaSlot {
  return { types, image: null, name: null, inserted: false }
}

/** The refusal in the only form that python3-sushy 4.3 understands. */
function wantProtocol(): MediaReply {
  const code = 'Base.1.5.ActionParameterMissing'
  const RelatedProperties = ['#/TransferProtocolType']
  const info = [{ '@odata.type': '#Message.v1_0_6.Message', MessageId: code, RelatedProperties }]
  return { status: 400, json: { error: { code, message: 'A parameter is missing.', '@Message.ExtendedInfo': info } } }
}

function part(body: unknown, name: string): unknown {
  return Reflect.get(Object(body), name)
}

/** The slots for virtual media of a BMC. */
export class MediaSlots {
  /** By id. */
  readonly all: Record<string, MediaSlot>
  readonly #vices: MediaVices
  readonly #refuse: Refuse
  readonly #onDisc: (image: string | undefined) => void
  #ejectsUntilMs = 0
  #etag = 1

  /** @param onDisc told the image for the machine's drive at each change */
  constructor(vices: MediaVices, refuse: Refuse, onDisc: (image: string | undefined) => void) {
    this.#vices = vices
    this.#refuse = refuse
    this.#onDisc = onDisc
    this.all = { 1: emptySlot('Floppy', 'USBStick'), 2: emptySlot('CD', 'DVD'), 3: emptySlot('CD', 'DVD') }
  }

  /** The ids of the slots that it shows. */
  get ids(): string[] {
    if (this.#vices.noSlots === true) return []
    return Object.keys(this.all).slice(0, this.#vices.hpe === true ? 2 : 3)
  }

  #show(path: string, slot: MediaSlot): MediaReply {
    const isDisc = slot.types.includes('CD')
    const actions = Object.fromEntries(
      ['InsertMedia', 'EjectMedia'].map((name) => [
        `#VirtualMedia.${name}`,
        { target: `${path}/Actions/VirtualMedia.${name}` },
      ]),
    )
    const ownActions = Object.fromEntries(
      ['InsertVirtualMedia', 'EjectVirtualMedia'].map((name) => [
        `#HpeiLOVirtualMedia.${name}`,
        { target: `${path}/Actions/Oem/HpeiLOVirtualMedia.${name}` },
      ]),
    )
    const etag = `"${this.#etag}"`
    const json = {
      '@odata.id': path,
      '@odata.type': '#VirtualMedia.v1_3_0.VirtualMedia',
      '@odata.etag': etag,
      Id: path.split('/').at(-1),
      Name: 'Virtual media',
      MediaTypes: isDisc ? (this.#vices.discTypes ?? slot.types) : slot.types,
      Image: slot.image,
      ImageName: slot.name,
      Inserted: slot.inserted,
      WriteProtected: true,
      ConnectedVia: slot.inserted ? 'URI' : 'NotConnected',
      ...(this.#vices.mediaByPatch === true ? {} : { Actions: actions }),
      ...(this.#vices.hpe === true ? { Oem: { Hpe: { Actions: ownActions } } } : {}),
    }
    return { status: 200, json, headers: { etag, allow: this.#vices.mediaByPatch === true ? 'GET, PATCH' : 'GET' } }
  }

  #fill(slot: MediaSlot, image: string): void {
    Object.assign(slot, { image, name: image.split('/').at(-1) ?? '', inserted: true })
    this.#etag++
    this.#onDisc(image)
  }

  #clear(slot: MediaSlot): void {
    slot.inserted = false
    if (this.#vices.keepsImageName !== true) Object.assign(slot, { image: null, name: null })
    this.#etag++
    this.#onDisc(undefined)
  }

  #insert(id: string, slot: MediaSlot, body: unknown): MediaReply {
    const { ids } = this
    const vices = this.#vices
    const image = part(body, 'Image')
    const [inserted, protocol] = [part(body, 'Inserted'), part(body, 'TransferProtocolType')]
    if (vices.needsLicense !== undefined) return this.#refuse(vices.needsLicense, 'OemLicenseNotPassed')
    if (typeof image !== 'string') return this.#refuse(400, 'ActionParameterMissing', body)
    if (!slot.types.includes('CD')) return this.#refuse(400, 'ActionParameterValueError', body)
    if (vices.consoleSlot === true && id === ids.find((each) => this.all[each]?.types.includes('CD') === true)) {
      return this.#refuse(405, 'OperationNotAllowed')
    }
    if (vices.refusesInserted === true && (inserted ?? part(body, 'WriteProtected')) !== undefined) {
      return this.#refuse(400, 'ActionParameterNotSupported', body)
    }
    if (vices.refusesProtocol === true && protocol !== undefined) {
      return this.#refuse(400, 'ActionParameterUnknown', body)
    }
    if (vices.needsProtocol === true && protocol !== 'HTTP') return wantProtocol()
    if (vices.needsUser === true && part(body, 'UserName') === undefined) {
      return this.#refuse(400, 'ActionParameterMissing', body)
    }
    if (vices.cannotLoad === true) return this.#refuse(400, 'RAC0904')
    if (Date.now() < this.#ejectsUntilMs || slot.inserted) return this.#refuse(500, 'InternalError')
    if (vices.failedInserts !== undefined && vices.failedInserts-- > 0) {
      this.#fill(slot, image)
      this.#onDisc(undefined)
      return this.#refuse(500, 'InternalError')
    }
    if (vices.ignoresInsert === true || (vices.mediaByPatch === true && inserted !== true)) return { status: 204 }
    this.#fill(slot, image)
    return { status: 204 }
  }

  #eject(slot: MediaSlot, body: unknown): MediaReply {
    const vices = this.#vices
    if (vices.ejectNeedsObject === true && body === undefined) return this.#refuse(400, 'MalformedJSON')
    if (vices.ejectRefusesBody === true && body !== undefined) return this.#refuse(400, 'ActionParameterUnknown')
    if (vices.failedEjects !== undefined && vices.failedEjects-- > 0) return this.#refuse(500, 'InternalError')
    if (vices.ejectTakesMs === undefined) this.#clear(slot)
    else {
      this.#ejectsUntilMs = Date.now() + vices.ejectTakesMs
      setTimeout(() => this.#clear(slot), vices.ejectTakesMs).unref()
    }
    return { status: 204 }
  }

  /** Answers a request to a slot, or to what is under it. */
  answer(
    { method, list, rest, etag }: { method: string; list: string; rest: string; etag: string | undefined },
    body: unknown,
  ): MediaReply {
    const [id = '', ...more] = rest.split('/').slice(1)
    const slot = this.ids.includes(id) ? this.all[id] : undefined
    if (slot === undefined) return this.#refuse(404, 'ResourceMissingAtURI')
    if (more.length === 0 && method === 'GET') return this.#show(`${list}/${id}`, slot)
    if (more.length === 0 && method === 'PATCH' && this.#vices.mediaByPatch === true) {
      if (this.#vices.slotNeedsEtag === true && etag !== `"${this.#etag}"`) {
        return this.#refuse(412, 'PreconditionFailed')
      }
      return part(body, 'Image') === null ? this.#eject(slot, body) : this.#insert(id, slot, body)
    }
    if (method !== 'POST' || this.#vices.mediaByPatch === true) return this.#refuse(405, 'OperationNotAllowed')
    const action = more.join('/').replace(/Oem\/HpeiLOVirtualMedia\.(\w+)Virtual/, 'VirtualMedia.$1')
    if (action === 'Actions/VirtualMedia.InsertMedia') return this.#insert(id, slot, body)
    return action === 'Actions/VirtualMedia.EjectMedia'
      ? this.#eject(slot, body)
      : this.#refuse(404, 'ResourceMissingAtURI')
  }
}
