// The iPXE script on the disc of `boot: media`: one for all machines of a rack, which it tells apart by their MAC addresses.
import type { FixedAddress, RackMachine } from '../file/rack-file.ts'

/** How often the network cards are tried, and how often the script: a switch may block a port for half a minute. */
const rounds = 6
const tries = 12
const pauseSeconds = 5

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
      const then = ['set known yes', ...(fixed === undefined ? ['goto dhcp'] : describeFixed(fixed))]
      return `iseq \${net\${card}/mac} ${mac} && ${then.join(' && ')} ||`
    }),
  )
  return `#!ipxe
set round:int32 0
:round
set card:int32 0
:card
isset \${net\${card}/mac} || goto last
${cards.join('\n')}
:next
clear router ||
clear resolver ||
inc card
goto card
:last
isset \${known} || goto strange
inc round
iseq \${round} ${rounds} && goto unreached ||
sleep ${pauseSeconds}
goto round
:strange
echo No network card of this machine is in the rack file
exit
:unreached
echo No network card of this machine gets an address
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
chain --autofree ${origin}/media/mac/\${net\${card}/mac:hexhyp} && exit ||
inc try
iseq \${try} ${tries} && goto refused ||
sleep ${pauseSeconds}
goto try
:refused
echo The rack at ${origin} gives this machine no script
exit
`
}
