// Metros and facilities. The API accepts metros since 2023; people and scripts still use facilities.

/** Codes of the metros (equinix-metal's packet-python fixtures, 2023). */
export const metroCodes = 'am at ch da dc dt fr hk ho kc la ld mr ny pa pi px se sg sl sv sy tr ty'.split(' ')

/** Metro by facility. */
export const metroByFacility: Readonly<Record<string, string>> = {
  dc13: 'dc',
  iad1: 'dc',
  iad2: 'dc',
  da11: 'da',
  dfw1: 'da',
  dfw2: 'da',
  sv15: 'sv',
  sjc1: 'sv',
  am6: 'am',
  ams1: 'am',
  ny5: 'ny',
  ny7: 'ny',
  ewr1: 'ny',
}

/** The metro of a facility code; undefined if unknown. Newer codes are the metro's with a number (`fr2`). */
export function metroOfFacility(facility: string): string | undefined {
  const code = facility.toLowerCase()
  const prefix = /^([a-z]{2})\d+$/.exec(code)?.[1]
  return metroByFacility[code] ?? (prefix !== undefined && metroCodes.includes(prefix) ? prefix : undefined)
}

/** The known facilities of a metro; each has its own SOS host. */
export function facilitiesOfMetro(metro: string): string[] {
  return Object.keys(metroByFacility).filter((facility) => metroByFacility[facility] === metro)
}
