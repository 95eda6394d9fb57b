// URLs that iPXE fetches, and URLs that it does not fetch or changes: for the check, and for iPXE itself.

/** @param host an IPv4 address @returns URLs with the result of the check */
export function ipxeUrls(host: string, port: number): { url: string; problem: RegExp | undefined }[] {
  const [a = '', b = '', c = '', d = ''] = host.split('.')
  const at = `${host}:${port}`
  const rows: [string, RegExp?][] = [
    [`http://${at}/a`],
    [`http://${at}/a%20b`],
    [`http://${at}/q?x=1`],
    [`http://${at}/a:b@c+d,e=f;g~h!i'j(k)l*m`],
    [`http://${at}/[a]`],
    [`http://${at}/a&&b`],
    [`http://${at}/a%25b`],
    [`http://${at}/a%23b%3Fc`],
    [`http://u:p@${at}/u`],
    [`http://${at}/a..b/.c`],
    [`HTTP://${at}/scheme`, /accepts "http", not "HTTP"/],
    [`http://${a}.${b}.${Number(c) * 256 + Number(d)}:${port}/short`, /write it as/],
    [`http://0${a}.${b}.${c}.${d}:${port}/octal`, /write it as|not an http/],
    [`http://${host}.:${port}/dot`, /write it as/],
    [`http://bücher.example:${port}/idn`, /"xn--bcher-kva\.example"/],
    [`http://${at}/back\\slash`, /backslash/],
    [`http:\\\\${at}\\back`, /not an http/],
    [`http:/${at}/one-slash`, /not an http/],
    [`http://${at}/frag#ment`, /"#"/],
    [`http://${at}/é`, /non-ASCII/],
    [`http://${at}/%C3%A9`, /non-ASCII/],
    [`http://${at}/a%zzb`, /two hexadecimal/],
    [`http://${at}/a%2Fb`, /plain slash/],
    [`http://${at}/x/../y`, /in its path/],
    [`http://${host}:/empty-port`, /the port ":"/],
    [`http://${host}:0${port}/zero-port`, /the port ":0/],
  ]
  return rows.map(([url, problem]) => ({ url, problem }))
}
