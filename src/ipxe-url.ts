// How iPXE reads a URL. Node's URL parser corrects what iPXE sends unchanged, so a check with Node alone would accept URLs that
// machines cannot fetch. Each rule was tried with iPXE in QEMU (test/qemu/urls.test.ts).

/** The parts of a URL, as written. */
const written = /^([a-z]+):\/\/(?:[^/?#@]*@)?(\[[^\]]*\]|[^:/?#]*)(:[^/?#]*)?([^?#]*)/i

function findCharacterProblem(text: string): string | undefined {
  if (text.includes('\\')) return 'it has a backslash, which iPXE does not treat as a slash'
  if (text.includes('#')) return 'it has a "#", where iPXE ends the URL'
  if (/%(?![0-9a-f]{2})/i.test(text)) return 'it has a "%" without two hexadecimal digits'
  // iPXE writes such a byte as %FFFFFFC3.
  if (/[^ -~]|%[89a-f][0-9a-f]/i.test(text)) return 'it has non-ASCII characters, which iPXE sends incorrectly'
  if (/%2f/i.test(text)) return 'it has "%2F", which iPXE sends as a plain slash'
  return undefined
}

function findHostProblem(host: string, parsed: string): string | undefined {
  if (/[^ -~]/.test(host)) return `iPXE supports only ASCII host names: write the host as "${parsed}"`
  const isIpv4 = /^\d+\.\d+\.\d+\.\d+$/.test(parsed)
  return isIpv4 && host !== parsed ? `iPXE reads the address "${host}" differently: write it as "${parsed}"` : undefined
}

/** Why iPXE cannot fetch an absolute http or https URL, or would request another; undefined if it requests exactly this URL. */
export function ipxeProblem(url: string): string | undefined {
  const match = written.exec(url)
  if (match === null || !URL.canParse(url)) return 'it is not an http or https URL'
  const [whole, scheme = '', host = '', port = '', path = ''] = match
  if (scheme !== scheme.toLowerCase()) return `iPXE accepts "${scheme.toLowerCase()}", not "${scheme}"`
  const hostProblem = findHostProblem(host, new URL(url).hostname)
  if (hostProblem !== undefined) return hostProblem
  if (/^:(0|$)/.test(port)) return `iPXE cannot read the port "${port}"`
  if (path.split('/').some((name) => /^(\.|%2e){1,2}$/i.test(name)))
    return 'it has "." or ".." in its path, which iPXE sends unchanged'
  return findCharacterProblem(url.slice(whole.length - path.length))
}
