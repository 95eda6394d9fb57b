// The Match line of ssh_config: its conditions, evaluated with the settings known when the line is reached.
import { BlockList, isIPv6 } from 'node:net'
import { matchesList } from './pattern.ts'
import { type ConfigPlace, refuseLine } from './place.ts'
import { cutWord } from './words.ts'

/** The values that conditions are compared with. */
export interface MatchFacts {
  /** The host name, after an earlier HostName. */
  host: string
  originalHost: string
  /** The remote user, as far as known: from the command line, an earlier User, or the local user. */
  user: string
  localUser: string
  /** An earlier Tag. */
  tag: string
  /** True in the second reading, where `final` and `canonical` hold. */
  isFinal: boolean
  /** This computer's addresses. */
  addresses: readonly string[]
}

/** The result for a line. */
export interface MatchVerdict {
  matches: boolean
  /** The line requests a second reading. */
  wantsFinal: boolean
  /** A condition that cannot be evaluated here; the line counts as not matching. */
  passedOver: string | undefined
}

/** Whether an address of this computer is in one of the networks, `10.0.0.0/8,2001:db8::/32`. */
function isInNetwork(networks: string, addresses: readonly string[], place: ConfigPlace): boolean {
  const list = new BlockList()
  for (const network of networks.split(',')) {
    const [address = '', bits] = network.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    const length = bits ?? (family === 'ipv6' ? '128' : '32')
    try {
      if (!/^\d+$/.test(length)) throw new RangeError('the length of the network is not a number')
      list.addSubnet(address, Number(length), family)
    } catch {
      refuseLine(place, `"${network}" is not a network`, 'write networks as 192.0.2.0/24, with commas between them')
    }
  }
  return addresses.some((address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'))
}

/** Whether a condition with an argument holds; undefined for an unknown condition. */
function judge(condition: string, list: string, facts: MatchFacts, place: ConfigPlace): boolean | undefined {
  switch (condition) {
    case 'host':
      return matchesList(facts.host.toLowerCase(), list.toLowerCase())
    case 'originalhost':
      return matchesList(facts.originalHost.toLowerCase(), list.toLowerCase())
    case 'user':
      return matchesList(facts.user, list)
    case 'localuser':
      return matchesList(facts.localUser, list)
    case 'tagged':
      return facts.tag === '' ? list === '' : matchesList(facts.tag, list)
    // A console is a shell without a command.
    case 'command':
      return list === ''
    case 'sessiontype':
      return matchesList('shell', list)
    case 'localnetwork':
      return isInNetwork(list, facts.addresses, place)
    default:
      return undefined
  }
}

/** Evaluates the rest of a Match line. @throws ConsoleError if ssh would refuse the line */
export function judgeMatch(text: string, facts: MatchFacts, place: ConfigPlace): MatchVerdict {
  const verdict: MatchVerdict = { matches: true, wantsFinal: false, passedOver: undefined }
  let conditions = 0
  let cut = cutWord(text)
  while (cut !== undefined && cut.word !== '' && !cut.word.startsWith('#')) {
    const written = cut.word
    const negated = written.startsWith('!')
    const condition = written.slice(negated ? 1 : 0).toLowerCase()
    const argument = condition === 'final' || condition === 'canonical' ? undefined : cutWord(cut.rest)
    const first = argument?.word ?? ''
    if (condition === 'all') {
      if (conditions > 1 || (first !== '' && !first.startsWith('#'))) {
        refuseLine(place, `"${written}" cannot be combined with other conditions of Match`)
      }
      return { ...verdict, matches: verdict.matches && !negated }
    }
    conditions++
    if (condition === 'final' || condition === 'canonical') {
      if (condition === 'final') verdict.wantsFinal = true
      if (facts.isFinal === negated) verdict.matches = false
      cut = cutWord(cut.rest)
      continue
    }
    const mayBeEmpty = argument !== undefined && (condition === 'tagged' || condition === 'command')
    if ((first === '' && !mayBeEmpty) || first.startsWith('#')) {
      refuseLine(place, `Match "${written}" has no argument`)
    }
    // The rest of the line is ignored: releases of ssh read its quotes differently.
    if (condition === 'exec' || condition === 'version') {
      return { ...verdict, matches: false, passedOver: verdict.matches ? condition : undefined }
    }
    const holds = judge(condition, first, facts, place)
    if (holds === undefined) refuseLine(place, `unsupported Match attribute "${written}"`)
    if (holds === negated) verdict.matches = false
    cut = cutWord(argument?.rest)
  }
  if (conditions === 0) refuseLine(place, 'Match has no condition')
  return verdict
}
