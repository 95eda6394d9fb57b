// Flags of the machine: which one, and what becomes of it.
import { boolean, value } from './flag.ts'
import { parseAge, parseDuration, parseHostname, parseId, parseText } from './values.ts'

export const machineFlags = {
  metro: value(
    { name: 'metro', placeholder: 'code', completes: 'metro', computed: "am, or the zone's", help: 'metro to rent in' },
    parseText,
  ),
  zone: value(
    {
      name: 'zone',
      placeholder: 'facility',
      completes: 'facility',
      env: ['METAL_FACILITY'],
      help: 'facility such as ams1; the API takes metros only, so its metro is used',
    },
    parseText,
  ),
  machine: value(
    { name: 'machine', placeholder: 'plan', fallback: 'baremetal_0', help: 'plan of the machine to rent' },
    parseText,
  ),
  hostname: value(
    { name: 'hostname', placeholder: 'name', computed: '<user>-linuxkit', help: 'host name of the machine' },
    parseHostname,
  ),
  alwaysPxe: boolean({ name: 'always-pxe', fallback: 'true', help: 'boot over iPXE every time, not only the first' }),
  device: value(
    {
      name: 'device',
      placeholder: 'id',
      completes: 'device',
      help: 'boot this existing machine instead of renting one; it is never deleted',
    },
    parseId,
  ),
  keep: boolean({ name: 'keep', fallback: 'false', help: 'keep the machine at the end; it costs money until deleted' }),
  ttl: value(
    {
      name: 'ttl',
      placeholder: 'duration',
      help: 'have the cloud delete the machine after this long, whatever happens here',
    },
    parseDuration,
  ),
  idFile: value(
    {
      name: 'id-file',
      placeholder: 'path',
      completes: 'files',
      help: 'write the device id there as soon as it is known',
    },
    parseText,
  ),
  olderThan: value(
    { name: 'older-than', placeholder: 'duration', help: 'all that metalkit made and that are older' },
    parseAge,
  ),
  yes: boolean({ name: 'yes', fallback: 'false', help: 'do it without asking' }),
}
