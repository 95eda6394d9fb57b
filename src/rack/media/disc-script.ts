// The iPXE script on the disc of `boot: media`: one for all machines of a rack, which it tells apart by their MAC addresses.
import type { FixedAddress, RackMachine } from '../file/rack-file.ts'

/** How often the machine's own script is asked for, and the seconds between two tries. */
const tries = 3
const pauseSeconds = 2

function describeFixed({ address: { ip, mask }, gateway, dns }: FixedAddress): string[] {
  return [
    `set address ${ip}`,
    `set mask ${mask}`,
    ...(gateway === undefined ? [] : [`set router ${gateway}`]),
    ...(dns === undefined ? [] : [`set resolver ${dns}`]),
    'goto fixed',
  ]
}

/**
 * Creates the script. A machine whose card is not in the rack file, or that is not to boot now, goes on with its next boot device.
 * @param origin of the server that has the machines' scripts by MAC
 */
export function discScript(origin: string, machines: readonly Pick<RackMachine, 'macs' | 'fixed'>[]): string {
  const cards = machines.flatMap(({ macs, fixed }) =>
    macs.map((mac) => {
      const then = fixed === undefined ? ['goto dhcp'] : describeFixed(fixed)
      return `iseq \${net\${card}/mac} ${mac} && ${then.join(' && ')} ||`
    }),
  )
  return `#!ipxe
set card:int32 0
:card
isset \${net\${card}/mac} || goto none
${cards.join('\n')}
:next
inc card
goto card
:none
echo No network card of this machine is in the rack file, or none gets an address
exit
:fixed
ifopen net\${card} || goto next
set net\${card}/ip \${address}
set net\${card}/netmask \${mask}
isset \${router} && set net\${card}/gateway \${router} ||
isset \${resolver} && set net\${card}/dns \${resolver} ||
goto script
:dhcp
dhcp net\${card} || goto next
:script
set try:int32 0
:try
chain --autofree ${origin}/boot/mac/\${net\${card}/mac:hexhyp} && exit ||
inc try
iseq \${try} ${tries} && goto unwanted ||
sleep ${pauseSeconds}
goto try
:unwanted
echo The rack has no script for this machine now
exit
`
}
