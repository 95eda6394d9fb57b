// Flags of the machine: which one to use, and how it ends.
import { boolean, value } from './flag.ts'
import { parseAge, parseDuration, parseHostname, parseId, parseText } from './values.ts'

export const machineFlags = {
  metro: value(
    {
      name: 'metro',
      placeholder: 'code',
      completes: 'metro',
      computed: "am, or the zone's",
      help: 'metro in which to rent the machine',
    },
    parseText,
  ),
  zone: value(
    {
      name: 'zone',
      placeholder: 'facility',
      completes: 'facility',
      env: ['METAL_FACILITY'],
      help: 'facility such as ams1; selects its metro, because the API accepts only metros',
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
  alwaysPxe: boolean({
    name: 'always-pxe',
    fallback: 'true',
    help: 'boot over iPXE every time, not only the first time',
  }),
  device: value(
    {
      name: 'device',
      placeholder: 'id',
      completes: 'device',
      help: 'boot this existing machine instead of renting one; run never deletes it',
    },
    parseId,
  ),
  keep: boolean({
    name: 'keep',
    fallback: 'false',
    help: 'keep the machine at the end; it costs money until you delete it',
  }),
  ttl: value(
    {
      name: 'ttl',
      placeholder: 'duration',
      help: 'have the cloud delete the machine after this time, even if metalkit is killed',
    },
    parseDuration,
  ),
  idFile: value(
    {
      name: 'id-file',
      placeholder: 'path',
      completes: 'files',
      help: 'write the device ID to this file as soon as it is known',
    },
    parseText,
  ),
  olderThan: value(
    {
      name: 'older-than',
      placeholder: 'duration',
      help: 'delete all machines that metalkit rented and that are older than this',
    },
    parseAge,
  ),
  yes: boolean({ name: 'yes', fallback: 'false', help: 'do not ask for confirmation' }),
}
