// Devices: create, list, get, change, delete, act, events. `include` and `exclude` are accepted and change nothing.
import type { Cloud } from '../cloud.ts'
import { createDevice } from '../device.ts'
import type { Device } from '../device.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { accepted, created, noContent, notFound, ok, refuse, unprocessable } from './answer.ts'
import type { Answer } from './answer.ts'
import { apiPrefix } from './catalogue-view.ts'
import { checkAction, checkCreate, checkUpdate } from './device-input.ts'
import { deviceView, eventView } from './device-view.ts'
import { paginate } from './paging.ts'
import { parseJson } from './request.ts'
import type { Route, RoutedRequest } from './router.ts'
import { visibleDevices, withDevice } from './with-device.ts'

/** The filters of the list: `hostname` is a part of it, `tag` and `metro` are whole, `search` looks at what identifies a device. */
function matches(device: Device, query: URLSearchParams): boolean {
  const [hostname, tag, metro, mac] = ['hostname', 'tag', 'metro', 'mac_address'].map((name) => query.get(name))
  const search = query.get('search')?.toLowerCase()
  const searched = [
    device.hostname,
    device.description ?? '',
    device.shortId,
    ...device.tags,
    device.plan.slug,
    device.operatingSystem.slug,
    device.operatingSystem.name,
  ]
  return (
    (!hostname || device.hostname.includes(hostname)) &&
    (!tag || device.tags.includes(tag)) &&
    (!metro || device.metro.code === metro) &&
    (!mac || device.macs.includes(mac)) &&
    (!search || searched.some((text) => text.toLowerCase().includes(search)))
  )
}

/** The body's JSON to what answers it, malformed JSON to 400. */
function withJson({ body }: RoutedRequest, answer: (value: unknown) => Answer): Answer {
  const json = parseJson(body)
  return json === undefined ? refuse(400, 'Bad request') : answer(json.value)
}

/** `force_delete` comes in the query by the specification, and in a JSON body from packngo. */
function isForced(query: URLSearchParams, body: unknown): boolean {
  const inQuery = query.get('force_delete')
  if (inQuery !== null) return inQuery !== 'false'
  return typeof body === 'object' && body !== null && 'force_delete' in body && body.force_delete === true
}

/** Why a device cannot be deleted now. */
function refuseDelete(device: Device, forced: boolean): string | undefined {
  if (device.locked) return 'Cannot delete a locked item'
  const provisioning = device.state === 'provisioning' || device.state === 'reinstalling'
  return provisioning && !forced ? 'Cannot delete a device while it is provisioning' : undefined
}

/** Routes of devices. */
export function deviceRoutes(cloud: Cloud, lifecycle: Lifecycle): Route[] {
  const forDevice = ({ parameters: [id] }: RoutedRequest, answer: (device: Device) => Answer): Answer =>
    withDevice(cloud, id, answer)

  const create = (request: RoutedRequest): Answer => {
    if (request.parameters[0] !== cloud.projectId) return notFound
    return withJson(request, (json) => {
      const checked = checkCreate(json, cloud)
      if ('errors' in checked) return unprocessable(...checked.errors)
      for (const key of checked.value.addedKeys) cloud.keys.set(key.id, key)
      const device = createDevice(cloud.projectId, checked.value.request)
      lifecycle.create(device)
      return created(deviceView(device, cloud))
    })
  }

  /** Newest first; the order is inferred. */
  const list = ({ parameters: [projectId = ''], query }: RoutedRequest): Answer => {
    if (projectId !== cloud.projectId) return notFound
    const found = visibleDevices(cloud)
      .filter((device) => matches(device, query))
      .toReversed()
    const { page, meta } = paginate(found, `${apiPrefix}/projects/${projectId}/devices`, query)
    return ok({ devices: page.map((device) => deviceView(device, cloud)), meta })
  }

  const update = (request: RoutedRequest): Answer =>
    forDevice(request, (device) =>
      withJson(request, (json) => {
        const checked = checkUpdate(json, device)
        if ('errors' in checked) return unprocessable(...checked.errors)
        Object.assign(device, checked.value, { updatedAt: new Date().toISOString() })
        return ok(deviceView(device, cloud))
      }),
    )

  const remove = (request: RoutedRequest): Answer =>
    forDevice(request, (device) =>
      withJson(request, (json) => {
        const why = refuseDelete(device, isForced(request.query, json))
        if (why !== undefined) return unprocessable(why)
        lifecycle.remove(device)
        return noContent
      }),
    )

  /** What is on its way to being something else takes no action; that it is refused with 422 is inferred. */
  const act = (request: RoutedRequest): Answer =>
    forDevice(request, (device) =>
      withJson(request, (json) => {
        const checked = checkAction(json, device)
        if ('errors' in checked) return unprocessable(...checked.errors)
        const { type, change } = checked.value
        if (type === 'rescue') return unprocessable('rescue is not supported by the lab')
        if (['queued', 'provisioning', 'reinstalling', 'deprovisioning'].includes(device.state)) {
          return unprocessable(`Cannot ${type} a device while it is ${device.state}`)
        }
        if (type === 'reinstall') Object.assign(device, change)
        lifecycle.act(device, type)
        return accepted
      }),
    )

  const listEvents = (request: RoutedRequest): Answer =>
    forDevice(request, (device) => {
      const path = `${apiPrefix}/devices/${device.id}/events`
      const { page, meta } = paginate(device.events.toReversed(), path, request.query)
      return ok({ events: page.map((event) => eventView(event, device)), meta })
    })

  return [
    ['POST /projects/{id}/devices', create],
    ['GET /projects/{id}/devices', list],
    ['GET /devices/{id}', (request) => forDevice(request, (device) => ok(deviceView(device, cloud)))],
    ['PUT|PATCH /devices/{id}', update],
    ['DELETE /devices/{id}', remove],
    ['POST /devices/{id}/actions', act],
    ['GET /devices/{id}/events', listEvents],
  ]
}
