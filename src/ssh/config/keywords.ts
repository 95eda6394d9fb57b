// The keywords of ssh_config and the arguments that ssh accepts for them, so that a line is refused here if ssh refuses it.

/** The kind of argument of a keyword; a list contains the only accepted words. */
export type ArgumentKind =
  | 'flag'
  | 'word'
  | 'words'
  | 'files'
  | 'number'
  | 'time'
  | 'port'
  /** The unchanged rest of the line. */
  | 'command'
  | 'jump'
  | 'host'
  | 'match'
  | 'include'
  /** Any text: its grammar does not matter here. */
  | 'loose'
  /** Keywords that ssh ignores. */
  | 'ignored'
  | readonly string[]

const yesNo = ['yes', 'true', 'no', 'false']
const yesNoAsk = [...yesNo, 'ask']

const byKind: [ArgumentKind, string][] = [
  ['host', 'host'],
  ['match', 'match'],
  ['include', 'include'],
  ['port', 'port'],
  ['jump', 'proxyjump'],
  ['command', 'proxycommand knownhostscommand localcommand remotecommand'],
  [
    'word',
    `hostname user identityfile identityfile2 certificatefile identityagent hostkeyalias ignoreunknown
     bindaddress bindinterface preferredauthentications kbdinteractivedevices xauthlocation controlpath revokedhostkeys
     pkcs11provider smartcarddevice securitykeyprovider ciphers macs kexalgorithms hostkeyalgorithms casignaturealgorithms
     hostbasedacceptedalgorithms hostbasedkeytypes pubkeyacceptedalgorithms pubkeyacceptedkeytypes loglevel syslogfacility
     escapechar tunneldevice controlpersist forwardagent fingerprinthash streamlocalbindmask tag`,
  ],
  ['files', 'userknownhostsfile globalknownhostsfile'],
  ['words', 'canonicaldomains logverbose'],
  [
    'flag',
    `identitiesonly hashknownhosts forwardx11 forwardx11trusted gatewayports exitonforwardfailure passwordauthentication
     kbdinteractiveauthentication challengeresponseauthentication skeyauthentication tisauthentication
     hostbasedauthentication batchmode checkhostip tcpkeepalive keepalive nohostauthenticationforlocalhost
     clearallforwardings enablesshkeysign permitlocalcommand visualhostkey stdinnull forkafterauthentication
     proxyusefdpass canonicalizefallbacklocal streamlocalbindunlink enableescapecommandline gssapiauthentication
     gssapidelegatecredentials gssapikeyexchange gssapirenewalforcesrekey gssapitrustdns`,
  ],
  ['number', 'connectionattempts numberofpasswordprompts serveralivecountmax canonicalizemaxdots requiredrsasize'],
  ['time', 'connecttimeout forwardx11timeout serveraliveinterval'],
  [[...yesNo, 'unbound', 'host-bound'], 'pubkeyauthentication dsaauthentication'],
  [yesNoAsk, 'updatehostkeys verifyhostkeydns'],
  [[...yesNoAsk, 'off', 'accept-new'], 'stricthostkeychecking'],
  [['yes', 'no'], 'compression'],
  [[...yesNoAsk, 'auto', 'autoask'], 'controlmaster'],
  [[...yesNo, 'ethernet', 'point-to-point'], 'tunnel'],
  [[...yesNo, 'force', 'auto'], 'requesttty'],
  [['none', 'subsystem', 'default'], 'sessiontype'],
  [['inet', 'inet6', 'any'], 'addressfamily'],
  [[...yesNo, 'always'], 'canonicalizehostname'],
  [
    'loose',
    // The last line: of releases after 9.2, of Debian's and Red Hat's ssh, and of the macOS and HPN ones.
    `addkeystoagent rekeylimit localforward remoteforward dynamicforward permitremoteopen sendenv setenv ipqos
     canonicalizepermittedcnames
     channeltimeout obscurekeystroketiming refuseconnection versionaddendum warnweakcrypto gssapiclientidentity
     gssapiserveridentity gssapikexalgorithms usekeychain noneenabled noneswitch`,
  ],
  [
    'ignored',
    `protocol cipher fallbacktorsh globalknownhostsfile2 rhostsauthentication userknownhostsfile2 useroaming usersh
     useprivilegedport afstokenpassing kerberosauthentication kerberostgtpassing rsaauthentication rhostsrsaauthentication
     compressionlevel`,
  ],
]

/** Every keyword that ssh knows, in lower case. */
export const keywords: ReadonlyMap<string, ArgumentKind> = new Map(
  byKind.flatMap(([kind, names]) => names.split(/\s+/).map((name): [string, ArgumentKind] => [name, kind])),
)

/** The name under which the values of a keyword are stored: ssh has two names for some. */
export function canonicalKeyword(keyword: string): string {
  return keyword === 'identityfile2' ? 'identityfile' : keyword
}

/** The keywords that may be repeated, and whose values are all used. */
export const cumulative: ReadonlySet<string> = new Set(['identityfile'])
