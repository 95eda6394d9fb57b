// A system as Redfish shows it (DSP2046, ComputerSystem). Other properties, and values of another type, are ignored.
import { z } from 'zod'

const link = z.looseObject({ '@odata.id': z.string() })
const text = z.string().optional().catch(undefined)
const texts = z.array(z.string()).optional().catch(undefined)

/** The boot override. */
const bootSchema = z.looseObject({
  BootSourceOverrideTarget: text,
  BootSourceOverrideEnabled: text,
  BootSourceOverrideMode: text,
  'BootSourceOverrideTarget@Redfish.AllowableValues': texts,
  'BootSourceOverrideMode@Redfish.AllowableValues': texts,
})

/** The current boot override of a system. */
export type SystemBoot = z.infer<typeof bootSchema>

/** A list of resources. */
export const collectionSchema = z.looseObject({ Members: z.array(link) })

/** A system. */
export const systemSchema = z.looseObject({
  '@odata.id': text,
  '@odata.etag': text,
  Id: text,
  UUID: text,
  PowerState: text,
  Manufacturer: text,
  Boot: bootSchema.optional().catch(undefined),
  EthernetInterfaces: link.optional().catch(undefined),
  VirtualMedia: link.optional().catch(undefined),
  Links: z
    .looseObject({ ManagedBy: z.array(link).optional().catch(undefined) })
    .optional()
    .catch(undefined),
  Actions: z
    .looseObject({
      '#ComputerSystem.Reset': z.looseObject({
        target: z.string(),
        'ResetType@Redfish.AllowableValues': texts,
        '@Redfish.ActionInfo': text,
      }),
    })
    .optional()
    .catch(undefined),
  '@Redfish.Settings': z.looseObject({ SettingsObject: link }).optional().catch(undefined),
})

/** A system. */
export type System = z.infer<typeof systemSchema>

/** A BMC, as its own resource. */
export const managerSchema = z.looseObject({ VirtualMedia: link.optional().catch(undefined) })

/** The parameters of an action, on firmware that lists them in a separate resource. */
export const actionInfoSchema = z.looseObject({
  Parameters: z.array(z.looseObject({ Name: text, AllowableValues: texts })).catch([]),
})

/** A network card. */
export const interfaceSchema = z.looseObject({ MACAddress: text, PermanentMACAddress: text })

/** The forms of a system's UUID: some BMCs show the first three fields in the other byte order. */
export function uuidsOfSystem(uuid: string | undefined): string[] {
  const digits = (uuid ?? '').toLowerCase().replaceAll('-', '')
  // Boards without one have a constant.
  if (!/^[0-9a-f]{32}$/.test(digits) || new Set(digits.match(/../g)).size === 1) return []
  const bytes = digits.match(/../g) ?? []
  const swapped = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((at) => bytes[at] ?? '').join('')
  return [...new Set([digits, swapped])].map((uuidDigits) =>
    uuidDigits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  )
}

/** The MACs of a network card, in small letters with colons. */
export function macsOfInterface({ MACAddress, PermanentMACAddress }: z.infer<typeof interfaceSchema>): string[] {
  return [PermanentMACAddress, MACAddress].flatMap((mac) => {
    const digits = (mac ?? '').toLowerCase().replaceAll(/[:-]/g, '')
    return /^[0-9a-f]{12}$/.test(digits) && digits !== '000000000000' ? [digits.replaceAll(/..(?=.)/g, '$&:')] : []
  })
}
