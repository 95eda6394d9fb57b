// The network: an instance's card and its attachment, the lab's one VCN and its subnet.
import type { LabAnswer } from '../../web/answer.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import { requireQuery } from '../wire/contract.ts'
import { vnicAttachmentView, vnicIdsOf, vnicView } from '../compute/instance.ts'
import { stateOf } from '../compute/state.ts'
import { isCompartment } from '../compute/launch.ts'
import { answerPage, filterViews, sortViews } from '../wire/paging.ts'
import { notFound } from '../wire/refusal.ts'
import { network } from '../compute/stock.ts'
import type { RouteParts } from './instance.ts'

/** Answers a request for the only object of its kind. */
function sendOnly(view: { id: string }): (request: RoutedRequest) => LabAnswer {
  return ({ parameters: [id] }) => (id === view.id ? { status: 200, json: view } : notFound)
}

/** Routes for the network. */
export function networkRoutes({ account, instances }: RouteParts): Route[] {
  const { compartmentId } = account
  const common = { compartmentId, freeformTags: {}, definedTags: {}, timeCreated: network.createdAt }
  const vcn = {
    ...common,
    id: network.vcnId,
    displayName: 'metalkit-lab',
    cidrBlock: '10.0.0.0/16',
    cidrBlocks: ['10.0.0.0/16'],
    defaultDhcpOptionsId: network.dhcpOptionsId,
    defaultRouteTableId: network.routeTableId,
    defaultSecurityListId: network.securityListId,
    dnsLabel: 'metalkitlab',
    vcnDomainName: 'metalkitlab.oraclevcn.com',
    lifecycleState: 'AVAILABLE',
  }
  const subnet = {
    ...common,
    id: network.subnetId,
    vcnId: network.vcnId,
    availabilityDomain: null,
    displayName: 'public',
    cidrBlock: '10.0.0.0/24',
    dhcpOptionsId: network.dhcpOptionsId,
    dnsLabel: 'public',
    subnetDomainName: 'public.metalkitlab.oraclevcn.com',
    lifecycleState: 'AVAILABLE',
    prohibitInternetIngress: false,
    prohibitPublicIpOnVnic: false,
    routeTableId: network.routeTableId,
    securityListIds: [network.securityListId],
    virtualRouterIp: '10.0.0.1',
    virtualRouterMac: '00:00:17:00:00:01',
  }

  const listOf =
    (struct: string, views: () => Record<string, unknown>[], fields: readonly string[]) =>
    (request: RoutedRequest): LabAnswer =>
      requireQuery(request, struct, () => {
        const { query } = request
        if (!isCompartment(query.get('compartmentId'), account)) return notFound
        return answerPage(sortViews(filterViews(views(), query, ['compartmentId', ...fields]), query), query)
      })
  const attachments = () => instances.list().map(({ device, details }) => vnicAttachmentView(device, details))
  const findVnic = ({ parameters: [id] }: RoutedRequest): LabAnswer => {
    const owner = instances
      .list()
      .find(({ device }) => vnicIdsOf(device).vnicId === id && device.networked && stateOf(device) !== 'TERMINATED')
    return owner === undefined ? notFound : { status: 200, json: vnicView(owner.device, owner.details) }
  }

  return [
    [
      'GET /vnicAttachments',
      listOf('ListVnicAttachmentsRequest', attachments, ['availabilityDomain', 'instanceId', 'vnicId']),
    ],
    ['GET /vnics/{id}', findVnic],
    ['GET /subnets', listOf('ListSubnetsRequest', () => [subnet], ['vcnId', 'displayName', 'lifecycleState'])],
    ['GET /subnets/{id}', sendOnly(subnet)],
    ['GET /vcns', listOf('ListVcnsRequest', () => [vcn], ['displayName', 'lifecycleState'])],
    ['GET /vcns/{id}', sendOnly(vcn)],
  ]
}
