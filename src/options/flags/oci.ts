// Flags of Oracle Cloud. Those of its own program have that program's variables.
import { value } from './flag.ts'
import { parseApiUrl, parseId, parseText } from './values.ts'

export const ociFlags = {
  ociShape: value(
    {
      name: 'machine',
      placeholder: 'shape',
      env: ['METAL_OCI_SHAPE'],
      computed: 'the only bare metal one',
      help: 'shape of the machine: BM.Standard.A1.160',
    },
    parseText,
  ),
  ociAvailabilityDomain: value(
    {
      name: 'availability-domain',
      placeholder: 'name',
      env: ['METAL_OCI_AVAILABILITY_DOMAIN'],
      computed: "the region's only one",
      help: 'availability domain in which to rent the machine',
    },
    parseText,
  ),
  ociCompartment: value(
    {
      name: 'compartment',
      placeholder: 'ocid',
      env: ['METAL_OCI_COMPARTMENT'],
      computed: 'the tenancy, if it has no others',
      help: 'compartment that owns the machines',
    },
    parseId,
  ),
  ociSubnet: value(
    {
      name: 'subnet',
      placeholder: 'ocid',
      env: ['METAL_OCI_SUBNET'],
      computed: 'the only one',
      help: 'subnet of the machine; it needs a route to the base URL',
    },
    parseId,
  ),
  ociImage: value(
    {
      name: 'image',
      placeholder: 'ocid',
      env: ['METAL_OCI_IMAGE'],
      computed: 'the newest one for the shape',
      help: 'image for the boot volume; the API requires one, but the machine does not boot it',
    },
    parseId,
  ),
  ociProfile: value(
    {
      name: 'profile',
      placeholder: 'name',
      env: ['OCI_CLI_PROFILE'],
      computed: 'DEFAULT',
      help: 'profile of the config file',
    },
    parseText,
  ),
  ociConfigFile: value(
    {
      name: 'config-file',
      placeholder: 'file',
      completes: 'files',
      env: ['OCI_CLI_CONFIG_FILE'],
      computed: '~/.oci/config',
      help: 'config file of the oci program, with user, key and region',
    },
    parseText,
  ),
  ociApiUrl: value(
    {
      name: 'api-url',
      placeholder: 'url',
      env: ['METAL_OCI_API_URL'],
      computed: "the region's",
      help: 'base URL of a stand-in for the APIs of Oracle Cloud',
    },
    parseApiUrl,
  ),
}
