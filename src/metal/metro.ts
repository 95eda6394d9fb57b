// The metro of --metro or --zone.
import { UsageError } from '../errors.ts'
import { metroByFacility, metroOfFacility } from './locations.ts'

const defaultMetro = 'am'

/** The metro of --zone, or --metro, or the default. @throws UsageError if the two contradict each other */
export function chooseMetro({ zone, metro }: { zone: string | undefined; metro: string | undefined }): string {
  if (zone === undefined) return metro ?? defaultMetro
  const ofZone = metroOfFacility(zone)
  if (ofZone === undefined) {
    const known = Object.keys(metroByFacility).join(', ')
    throw new UsageError(`unknown facility "${zone}"`, { hint: `use --metro, or one of ${known}` })
  }
  if (metro !== undefined && metro !== ofZone) {
    throw new UsageError(`the facility "${zone}" is in metro ${ofZone}, not in "${metro}"`, {
      hint: 'use only --metro',
    })
  }
  return ofZone
}
